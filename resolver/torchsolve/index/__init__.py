"""Package indexes: simple API, metadata, cache."""

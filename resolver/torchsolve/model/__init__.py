"""Values without I/O: what every other room speaks in."""

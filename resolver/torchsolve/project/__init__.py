"""What the user points at, read into ProjectFacts."""

"""Typed tables over the rows of matrices/."""

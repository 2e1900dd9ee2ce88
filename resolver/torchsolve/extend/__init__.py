"""Rows of ``matrices/`` for releases that are newer than they are, read from what was published.

In: a table and an index, or a checkout. Out: rows as text, put in before the first older one; all
else of the file stays as it is, byte by byte.
"""

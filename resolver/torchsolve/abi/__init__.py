"""The symbol atlas: which torch release exports what; and the check of a wheel against it."""

"""The analysis of one run: pure functions from tables of raw rows to tables of results."""

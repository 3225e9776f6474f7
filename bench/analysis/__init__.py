"""The analysis of one run: pure functions from raw tables to tables of results."""

"""Comparisons between runs: changes, gates and series, from tables. Pure."""

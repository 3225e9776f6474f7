"""Comparisons between runs: pure functions from the tables of several runs to changes, gates and series."""

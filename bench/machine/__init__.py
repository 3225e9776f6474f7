"""Observe and set up the host."""

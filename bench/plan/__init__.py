"""What to measure, and in which order."""

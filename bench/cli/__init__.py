"""Parse arguments and print."""

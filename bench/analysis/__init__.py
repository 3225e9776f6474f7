"""Statistics within one run."""

"""Start processes and measure."""

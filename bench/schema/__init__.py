"""Names and columns: what every other package agrees on."""

"""Turn one run or several into text, pages and pictures."""

"""Plans: the arms and loads of a run, and their order."""

"""Values that the command line sets once, before the model starts serving."""

workers = 1  # number of processes that a model with PARALLEL starts

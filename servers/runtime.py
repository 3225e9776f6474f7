"""What the command line sets once, before the model serves, for the models that care."""

workers = 1  # processes that a model with PARALLEL starts

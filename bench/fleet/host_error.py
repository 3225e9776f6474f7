"""The error of a host that cannot take part in a run."""


class HostError(ValueError):
    """A host cannot take part in a run. The message is one line for each host, and the exit code is 2."""

"""The limit on open files, which every connection needs on both sides."""

import resource


def hard_limit() -> int | None:
    """Return the hard limit of open files of a process; None for no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def raise_soft_limit() -> None:
    """Raise the soft limit to the hard one. Children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

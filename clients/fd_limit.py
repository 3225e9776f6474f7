"""The process's limit on open files, which is a limit on connections."""

import resource

SPARE_DESCRIPTORS = 64  # standard streams, pollers, compiled code, pipes


class TooManyConnections(Exception):  # noqa: N818 - it reads as what it is
    """More connections are wanted than this process may open files."""


def allow_descriptors(connections: int) -> None:
    """Raise the soft limit as far as ``connections`` need. Raises TooManyConnections beyond the hard limit."""
    needed = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooManyConnections(
            f"{connections} connections need {needed} open files, and the limit is {hard}: "
            f"raise it (ulimit -Hn {needed} as root, or nofile in /etc/security/limits.conf) or ask for fewer"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

"""The process's limit on open files, which limits its connections."""

import resource

SPARE_DESCRIPTORS = 64  # standard streams, pollers, compiled code, pipes


class TooManyConnectionsError(Exception):
    """The connections need more open files than this process may have."""


def raise_fd_limit(connections: int) -> None:
    """Raise the soft limit on open files as far as needed.

    Raises TooManyConnectionsError beyond the hard limit.
    """
    needed = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooManyConnectionsError(
            f"{connections} connections need {needed} open files, and the limit is {hard}: "
            f"raise it (ulimit -Hn {needed} as root, or nofile in /etc/security/limits.conf) or use fewer connections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

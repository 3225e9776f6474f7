"""Ensure that a server may open the files that it needs before its first client.

Descriptors for clients are a different matter: how a model reacts when they run out is in ``sockets.Acceptor``.
"""

from __future__ import annotations

BASE_FDS = 24  # standard streams, the socket, one client, and what an event loop or the start of a worker opens
FDS_PER_WORKER = 2  # the two pipes that multiprocessing keeps in the main process


class FdLimitError(Exception):
    """The hard limit on open files is too low for the server."""


def ensure(workers: int = 0, sockets_per_worker: int = 0) -> None:
    """Raise the soft limit on open files if the server needs more.

    Raises FdLimitError if the hard limit is lower than that; the message explains how to raise it.
    """
    import resource  # not available outside Unix, where main has to start in order to report that Linux is needed

    needed = BASE_FDS + workers * (FDS_PER_WORKER + sockets_per_worker)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        subject = f"{workers} workers need" if workers else "a server needs"
        alternative = " or use fewer --workers" if workers else ""
        raise FdLimitError(
            f"{subject} {needed} open files, and the limit is {hard}: raise it (ulimit -Hn {needed} as root, or nofile "
            f"in /etc/security/limits.conf){alternative}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

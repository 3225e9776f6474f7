"""How many files a server has open before its first client: had before the ready line, or it does not begin.

What a limit leaves for clients beyond that is the models' affair (see ``sockets.Acceptor``).
"""

from __future__ import annotations

BASE_FDS = 24  # standard streams, the socket, a client, and what a library or the start of a worker opens
FDS_PER_WORKER = 2  # multiprocessing's two pipes, in the main process


class FdLimitError(Exception):
    """The limit on open files is lower than a server needs."""


def ensure(workers: int = 0, sockets_per_worker: int = 0) -> None:
    """Raise the soft limit as far as a server needs. Raises FdLimitError beyond the hard limit."""
    import resource  # here, as it is missing elsewhere than on Unix, and main has to come to saying so

    needed = BASE_FDS + workers * (FDS_PER_WORKER + sockets_per_worker)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        who = f"{workers} workers need" if workers else "a server needs"
        less = " or take fewer --workers" if workers else ""
        raise FdLimitError(
            f"{who} {needed} open files, and the limit is {hard}: raise it (ulimit -Hn {needed} as root, or nofile in "
            f"/etc/security/limits.conf){less}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

"""The number of slow clients from which on a server no longer serves all others. Pure.

A client is slow if it sends nothing, sends byte by byte, or never reads. It keeps what its connection costs: a thread
of a pool, or a descriptor. The system call of ``select`` has room for FD_SETSIZE descriptors (select(2)).
"""

import math

FD_SETSIZE = 1024


def most_clients(slots: int | None, descriptors: int | None = None, own_descriptors: int = 0) -> float:
    """Return how many clients a server can have at a time, slow or not; infinite without a limit of its own.

    slots: clients that have a thread or a process each. descriptors: that one process can watch, of which it needs
    own_descriptors itself. None: no such limit.
    """
    limits = [math.inf if slots is None else float(slots)]
    if descriptors is not None:
        limits.append(float(max(0, descriptors - own_descriptors)))
    return min(limits)


def breaks_from(most: float, others: int) -> float:
    """Return the number of slow clients from which on one of the ``others`` is not served: most - others + 1."""
    return max(0.0, most - others + 1)

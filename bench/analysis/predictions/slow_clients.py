"""At how many slow clients a server stops to serve the others. Pure."""

import math


def breaks_at(waiting_slots: int | None, descriptor_limit: int | None = None, own_descriptors: int = 0) -> float:
    """Return the number of slow clients that leaves nothing for the others; infinite if none does.

    waiting_slots: clients that the server can serve at a time; None if each connection costs it no thread and no
    process. descriptor_limit: the server's RLIMIT_NOFILE, of which it needs own_descriptors itself.
    """
    limits = [math.inf if waiting_slots is None else float(waiting_slots)]
    if descriptor_limit is not None:
        limits.append(float(max(0, descriptor_limit - own_descriptors)))
    return min(limits)

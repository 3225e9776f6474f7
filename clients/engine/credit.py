"""The credit of a reply: how much of its time in flight lies inside the window.

A reply that is wholly inside counts 1, and one that crosses an edge counts by the share of its time inside. Every
request then spreads one unit evenly over its time in flight. In a steady state the expected sum per second is the rate
of replies, for any distribution of durations, and for a constant duration the sum is exact. A count of the replies that
arrive inside the window is neither: if they come in waves, it depends on how many waves end inside.
"""

from clients.engine.jit import jit_inline

WHOLE_CREDIT = 1 << 20  # the credit of a whole reply; a share is known to one part in a million


def credit(began_ns: int, ended_ns: int, window_ns: int, end_ns: int) -> int:
    """Return the share of a time in flight inside the window from ``window_ns`` to ``end_ns``, in 1/WHOLE_CREDIT."""
    inside_ns = min(ended_ns, end_ns) - max(began_ns, window_ns)
    if inside_ns == ended_ns - began_ns:
        return WHOLE_CREDIT
    # As a float: a session may take a day, and nanoseconds times WHOLE_CREDIT would not fit into 64 bits.
    return int(WHOLE_CREDIT * (inside_ns / (ended_ns - began_ns))) if inside_ns > 0 else 0


credit_of = jit_inline(credit)  # the same function for compiled code

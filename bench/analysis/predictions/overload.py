"""An overload of given length, and the time to recover from it. Pure.

Loads are shares of the capacity; times are in seconds. The forms treat requests as a fluid (Kleinrock 1976, Queueing
Systems II, section 2.7): the queue grows by the excess load, and shrinks by the spare capacity. The stability of
retries follows Bronson et al. (2021, Metastable Failures in Distributed Systems, HotOS).
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overload:
    """A load above the capacity for ``seconds``, then a load below it: ``after_share``."""

    share: float
    seconds: float
    after_share: float

    def __post_init__(self) -> None:
        if not (self.share > 1 > self.after_share >= 0 and self.seconds > 0):
            raise ValueError(f"an overload needs a share above 1, and one below 1 after it, not {self}")


def drain_s(overload: Overload) -> float:
    """Return how long the queue takes to empty after the overload, if no request is abandoned.

    The queue holds (share - 1) seconds x capacity, and shrinks by (1 - after_share) x capacity.
    """
    return (overload.share - 1) * overload.seconds / (1 - overload.after_share)


def drain_with_abandonment_s(overload: Overload, timeout_s: float) -> float:
    """Return the same time, where a client takes a request back that it could not send within its timeout.

    Such a request costs the server nothing, so no request in the queue is older than the timeout.
    """
    queue_s = min((overload.share - 1) * overload.seconds, timeout_s)
    return queue_s / (1 - overload.after_share)


def goodput_returns_s(overload: Overload, timeout_s: float) -> float:
    """Return when replies are in time again, in seconds after the overload.

    The server answers every request in order, also those whose client has given up. A request that arrives t seconds
    into the overload waits (share - 1) t. All later ones miss the timeout, until the queue is shorter than it again.
    """
    oldest_s = (overload.share - 1) * overload.seconds
    return max(0.0, oldest_s - timeout_s) / (1 - overload.after_share)


def goodput_stops_s(overload: Overload, timeout_s: float) -> float:
    """Return after which time in the overload the first request arrives that misses its timeout; infinite if none."""
    stops_s = timeout_s / (overload.share - 1)
    return stops_s if stops_s < overload.seconds else math.inf


def highest_recovering_share(retries: int) -> float:
    """Return the load below which a server recovers by itself, where each late request is sent again.

    While all requests are late, each is sent 1 + retries times, so the server has 1 + retries times the load. Its
    queue shrinks only if that is below its capacity.
    """
    return 1 / (1 + retries)

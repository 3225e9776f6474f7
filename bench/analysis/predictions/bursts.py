"""Times to connect of a burst that is larger than the listen queue. Pure.

Sources: listen(2), tcp(7) and Linux's ``net/ipv4/tcp_input.c``: a SYN is dropped while the queue of accepted
connections is full. It is full with backlog + 1 (``sk_acceptq_is_full``). RFC 6298, (2.1) and (5.5): the first
retransmission follows after 1 s, each later one after twice the time. Linux, ``tcp_syn_linear_timeouts`` in ip-sysctl:
this many retransmissions follow at a distance of 1 s before the distance doubles.
"""

from dataclasses import dataclass

INITIAL_TIMEOUT_S = 1.0  # RFC 6298, (2.1)


@dataclass(frozen=True, slots=True)
class Step:
    """Connections that are established together. delay_s: after the burst."""

    delay_s: float
    connections: int


def retransmission_s(number: int, linear_timeouts: int) -> float:
    """Return when the SYN of a connect is sent again for the number-th time, in seconds after the first.

    linear_timeouts: the sysctl ``net.ipv4.tcp_syn_linear_timeouts``; 0 in kernels without it (before 6.5).
    """
    linear = min(number, linear_timeouts)
    doubled = 1 << (number - linear)
    return INITIAL_TIMEOUT_S * (linear + doubled - 1)


def connect_steps(
    burst: int, backlog: int, linear_timeouts: int, accepted_meanwhile: int = 0, accepts: bool = True
) -> tuple[Step, ...]:
    """Return when the connections of a burst are established, as their clients see it.

    backlog: the length of the listen queue as the kernel has it, at most ``net.core.somaxconn``.
    accepted_meanwhile: connections that the server accepts while the burst arrives. accepts: whether the server
    empties its queue before the first retransmission.

    With an empty queue, all retransmitted SYNs are answered: Linux sends them in one batch, and looks at the queue
    before the first of their connections enters it.
    """
    at_once = min(burst, backlog + 1 + accepted_meanwhile)
    steps = [Step(0.0, at_once)]
    if burst > at_once and accepts:
        steps.append(Step(retransmission_s(1, linear_timeouts), burst - at_once))
    return tuple(steps)


def delayed_share(burst: int, backlog: int, accepted_meanwhile: int = 0) -> float:
    """Return the share of a burst that connects after a retransmission: max(0, B - b - 1 - accepted) / B."""
    return max(0, burst - backlog - 1 - accepted_meanwhile) / burst


def accepted_meanwhile(burst: int, connect_rps: float, accept_rps: float) -> int:
    """Return how many connections a server accepts while a burst arrives at ``connect_rps``.

    accept_rps: the rate at which the server accepts, measured apart.
    """
    return int(burst * min(1.0, accept_rps / connect_rps))


def connect_quantile_s(steps: tuple[Step, ...], burst: int, quantile: float) -> float | None:
    """Return the step that contains a quantile of the times to connect; None if it never connects."""
    reached = 0
    for step in steps:
        reached += step.connections
        if reached >= quantile * burst:
            return step.delay_s
    return None

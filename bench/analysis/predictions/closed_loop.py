"""Throughput of a closed loop whose handler waits and computes. Pure.

Times are in seconds, rates in requests per second. ``cpu_s`` is the CPU time of one request, ``wait_s`` the rest of its
time when no other request is in progress: the wait of the handler, and the way to the client and back.

Sources: the bounds are those of Denning and Buzen (1978, Computing Surveys 10) and of Lazowska et al. (1984,
Quantitative System Performance, chapter 5). With N clients, no throughput is above min(1/cpu, N/(wait + cpu)), and
none is below N/(wait + N cpu). Both are reached: the upper one by clients that are spread out, the lower one by clients
in lockstep.
"""

from dataclasses import dataclass
from enum import StrEnum


class Resource(StrEnum):
    """The limit of a closed loop: the resource that has no idle time."""

    CPU = "cpu"
    SLOTS = "waiting slots"  # threads or processes, each of which waits for one request at a time
    CLIENTS = "clients"  # every client waits for a reply, and the server is idle part of the time


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """A predicted throughput in requests/s, and what limits it."""

    throughput_rps: float
    full: Resource


@dataclass(frozen=True, slots=True)
class Demand:
    """The time that one request needs, in seconds: CPU time, and time without the server's CPU."""

    cpu_s: float
    wait_s: float

    def __post_init__(self) -> None:
        if not (self.cpu_s > 0 and self.wait_s >= 0):
            raise ValueError(f"a request needs CPU time above 0 and a wait of at least 0, not {self}")


def spread_clients(clients: int, demand: Demand, cpus: float = 1) -> ClosedLoop:
    """Return the upper bound, which clients reach that are spread out over their cycle.

    Conditions: the waits of all clients overlap, and each ends on its own, without a grid of wake-ups. In a cycle of
    constant times, a request that once queued comes back behind the one before it, so it never queues again.

    cpus: how many requests can use a CPU at the same time: 1 in one thread, and for threads that share an interpreter
    lock.
    """
    return _first_full(
        (clients / (demand.wait_s + demand.cpu_s), Resource.CLIENTS), (cpus / demand.cpu_s, Resource.CPU)
    )


def lockstep_clients(clients: int, demand: Demand, timer_step_s: float, workers: int = 1, cpus: int = 1) -> ClosedLoop:
    """Return the throughput of event loops whose timers wake them on a grid, e.g. whole milliseconds.

    Such a loop reads all waiting requests before it computes how long to sleep. It rounds the time until the first
    timer up, so timers that began within ``timer_step_s`` end in one wake-up. Their requests stay together in every
    later cycle: each waits for all others, and the cycle takes wait + N cpu.

    Reading takes about half of a request's CPU time, so this holds while N cpu is at most two steps. Above, the clients
    come in several groups. The loop then sleeps for whole steps only, so the cycle is one to two steps longer than the
    wait, depending on fractions of a step. The middle is predicted. With a step of 0 each request is a group of its
    own, which is the upper bound.

    workers: processes, one loop each, among which the clients are spread evenly. Where there are fewer CPUs than
    workers, they share the CPUs, and a request takes longer.
    """
    loops = min(workers, clients)
    cpu_s = demand.cpu_s * max(1.0, loops / cpus)
    together_s = clients / loops * cpu_s
    if together_s > 2 * timer_step_s + cpu_s / 2:
        together_s = 1.5 * timer_step_s + cpu_s
    return _first_full((clients / (demand.wait_s + together_s), Resource.CLIENTS), (loops / cpu_s, Resource.CPU))


def waiting_slots(clients: int, demand: Demand, slots: int, cpus: float = 1, round_trip_s: float = 0.0) -> ClosedLoop:
    """Return the throughput of a server in which ``slots`` requests at a time can wait.

    A slot is a thread of a pool, or a process that serves one request at a time. A loop that blocks has one slot.

    demand: its wait is that of the handler alone. cpus: how many requests can use a CPU at the same time: 1 for threads
    that share an interpreter lock. round_trip_s: the way to the client and back, which occupies no slot.
    """
    busy_s = demand.wait_s + demand.cpu_s
    return _first_full(
        (clients / (busy_s + round_trip_s), Resource.CLIENTS),
        (slots / busy_s, Resource.SLOTS),
        (cpus / demand.cpu_s, Resource.CPU),
    )


def response_s(clients: int, throughput_rps: float, think_s: float = 0.0) -> float:
    """Return the mean response time of a closed loop: Little's law (1961, Operations Research 9) for its clients."""
    return clients / throughput_rps - think_s


def _first_full(*limits: tuple[float, Resource]) -> ClosedLoop:
    return ClosedLoop(*min(limits, key=lambda limit: limit[0]))

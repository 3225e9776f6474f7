"""Small simulations in virtual time, against which the closed forms are checked. Each is deterministic."""

import heapq
import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME_TIME_S = 1e-10  # two times that differ by less are equal; the rest is rounding


def simulate_event_loop(clients: int, wait_s: float, cpu_s: float, timer_step_s: float, seconds: float) -> float:
    """Return the throughput of an event loop with timers, in requests/s, over the second half of the time.

    Each iteration answers the requests whose timers are over, reads all that have arrived, and then sleeps until the
    next request, or for the time until the first timer, rounded up to the step. A reply is followed at once by the
    client's next request. Reading and answering take half of the CPU time each. No request is in the air while the loop
    sleeps, so only timers wake it.
    """
    now, half_s = 0.0, cpu_s / 2
    arrived, timers = deque([0.0] * clients), deque[float]()
    replies = 0
    while now < seconds:
        for _ in range(sum(1 for due in timers if due <= now + _SAME_TIME_S)):
            timers.popleft()
            now += half_s
            arrived.append(now)
            replies += now >= seconds / 2
        for _ in range(len(arrived)):
            arrived.popleft()
            now += half_s
            timers.append(now + wait_s)
        left_s = timers[0] - now
        if left_s > _SAME_TIME_S:
            steps = math.ceil((left_s - _SAME_TIME_S) / timer_step_s) if timer_step_s else 0
            now += steps * timer_step_s if timer_step_s else left_s
    return replies / (now - seconds / 2)


def simulate_fcfs_waits(rate_rps: float, services_s: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the wait of each Poisson arrival at one server (Lindley 1952), without the first tenth."""
    gaps_s = np.random.default_rng(seed).exponential(1 / rate_rps, len(services_s))
    # The wait is the distance of a random walk from its minimum so far.
    walk = np.concatenate(([0.0], np.cumsum(services_s[:-1] - gaps_s[1:])))
    waits: NDArray[np.float64] = walk - np.minimum.accumulate(walk)
    return waits[len(waits) // 10 :]


@dataclass(frozen=True, slots=True)
class BatchedMean:
    """A mean with its standard error, from the means of 20 consecutive batches."""

    mean: float
    standard_error: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "BatchedMean":
        """Return the mean of correlated values in their order."""
        batches = np.array([batch.mean() for batch in np.array_split(values, 20)])
        return cls(float(values.mean()), float(batches.std(ddof=1) / math.sqrt(len(batches))))


def simulate_shared_responses(rate_rps: float, services_s: NDArray[np.float64], cpus: int, seed: int) -> list[float]:
    """Return response time / own service time of each request that shares the CPUs equally with all others."""
    arrivals_s = np.cumsum(np.random.default_rng(seed).exponential(1 / rate_rps, len(services_s)))
    now, progress = 0.0, 0.0  # progress: the service that a request present since the beginning would have got
    present: list[tuple[float, int]] = []  # the progress at which each request is done
    stretches = []
    arriving = 0
    while arriving < len(services_s) or present:
        speed = min(1.0, cpus / len(present)) if present else 0.0
        next_arrival_s = arrivals_s[arriving] if arriving < len(services_s) else math.inf
        done_s = now + (present[0][0] - progress) / speed if present else math.inf
        progress += (min(next_arrival_s, done_s) - now) * speed
        now = float(min(next_arrival_s, done_s))
        if done_s <= next_arrival_s:
            _, request = heapq.heappop(present)
            stretches.append((now - float(arrivals_s[request])) / float(services_s[request]))
        else:
            heapq.heappush(present, (progress + float(services_s[arriving]), arriving))
            arriving += 1
    return stretches


def simulate_lock_waits(
    light_rps: float,
    heavy_rps: float,
    heavy_s: float,
    interval_s: float,
    seconds: float,
    seed: int,
    light_s: float = 0.0,
) -> NDArray[np.float64]:
    """Return the waits of light requests for an interpreter lock, in the order in which they get it.

    Both kinds are Poisson. The threads that wait are a queue. The one in front asks for the lock once it has waited for
    an interval, or for an interval since the last switch. A heavy thread that drops the lock joins the end of the
    queue. light_s: time for which a light request needs the lock.
    """
    random = np.random.default_rng(seed)
    light = random.uniform(0, seconds, random.poisson(light_rps * seconds))
    heavy = random.uniform(0, seconds, random.poisson(heavy_rps * seconds))
    arrivals = deque(
        sorted([(at, light_s, True) for at in light.tolist()] + [(at, heavy_s, False) for at in heavy.tolist()])
    )
    queue = deque[tuple[float, float, bool]]()  # time at which the wait began, CPU time that is left, light
    waits: list[float] = []
    now, switched, left = 0.0, 0.0, 0.0  # left: of the thread that has the lock; 0 if none has it
    while arrivals or queue or left:
        arrival_s = arrivals[0][0] if arrivals else math.inf
        done_s = now + left if left else math.inf
        drop_s = max(queue[0][0], switched) + interval_s if queue and left else math.inf
        next_s = min(arrival_s, done_s, drop_s)
        left = max(0.0, left - (next_s - now)) if left else 0.0
        now = next_s
        if next_s == arrival_s:
            queue.append(arrivals.popleft())
            if left:
                continue
        elif next_s == done_s:
            left = 0.0
        else:
            queue.append((now, left, False))
            left = 0.0
        while queue and not left:
            began_s, left, is_light = queue.popleft()
            switched = now
            if is_light:
                waits.append(now - began_s)
    return np.array(waits)

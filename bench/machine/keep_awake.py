"""Keeps CPUs from going to sleep: ``python -m bench.machine.keep_awake --cpus 1``.

A CPU that halts takes its time to come back, and in a virtual machine it is the host that decides when: with the
servers' CPU halting between requests, requests of the generator on the *other* CPU left up to milliseconds late (see
docs/method.md). A loop in the scheduling class SCHED_IDLE runs only where nobody else wants to, and is preempted at
once by whoever wakes up; the servers' CPU time, taken from their own clocks, does not contain it.

That it gives way is not certain: a kernel shares a CPU between sessions before it looks at the class (autogroup,
sched(7)), and one with lazy preemption lets it run until the next tick. So ``--trial`` tries it, as a process like any.
"""

import argparse
import json
import os
import statistics
import sys
import time

LEAST_SHARE = 0.9  # of its CPU, that a process must get beside the loop ...
SLOWEST_WAKE_US = 500.0  # ... and how soon it must run when it wakes up; a tick is 1000 or more
_TRIALS, _SPIN_S, _WAKES = 5, 0.02, 25


def main() -> int:
    """Spin on each CPU until standard input ends: so nothing outlives whoever started it."""
    parser = argparse.ArgumentParser(prog="python -m bench.machine.keep_awake")
    parser.add_argument("--cpus", required=True, help="as 1,2")
    parser.add_argument("--trial", action="store_true", help="say what a process gets of the first CPU")
    options = parser.parse_args()
    cpus = [int(cpu) for cpu in options.cpus.split(",")]
    if options.trial:
        share, wake_us = _share(cpus[0]), _wake_us(cpus[0])
        found = {"gives_way": gives_way(share, wake_us), "share": share, "wake_us": wake_us}
        sys.stdout.write(json.dumps(found) + "\n")
        return 0
    for cpu in cpus:
        if os.fork() == 0:
            _spin(cpu, os.getppid())
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    sys.stdin.read()
    return 0


def gives_way(share: float, wake_us: float) -> bool:
    """Whether the loop does no harm to whoever shares its CPU."""
    return share >= LEAST_SHARE and wake_us <= SLOWEST_WAKE_US


def _spin(cpu: int, parent: int) -> None:
    os.sched_setaffinity(0, [cpu])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        for _ in range(10_000):
            pass
    os._exit(0)


def _share(cpu: int) -> float:
    """What a process that computes gets of the CPU: the best of some, as the machine's host takes some too."""
    os.sched_setaffinity(0, [cpu])
    shares = []
    for _ in range(_TRIALS):
        began_s, cpu_s = time.monotonic(), time.process_time()
        while time.monotonic() < began_s + _SPIN_S:
            pass
        shares.append((time.process_time() - cpu_s) / (time.monotonic() - began_s))
    return max(shares)


def _wake_us(cpu: int) -> float:
    """How long after a message a process on the CPU runs: the median. The message comes from another CPU."""
    reading, writing = os.pipe()
    others = [one for one in range(os.cpu_count() or 1) if one != cpu]
    sender = os.fork()
    if sender == 0:
        os.sched_setaffinity(0, others)
        for _ in range(_WAKES):
            time.sleep(0.002)  # time for the reader to fall asleep
            os.write(writing, time.monotonic_ns().to_bytes(8, "big"))
        os._exit(0)
    waits_us = [(-int.from_bytes(os.read(reading, 8), "big") + time.monotonic_ns()) / 1e3 for _ in range(_WAKES)]
    os.waitpid(sender, 0)
    return statistics.median(waits_us)


if __name__ == "__main__":
    sys.exit(main())

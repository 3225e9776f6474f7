"""Keep CPUs from halting: ``python -m bench.machine.idle_loop --cpus 1``.

A halted CPU needs time to come back, and in a virtual machine the host decides when. With the servers' CPU halting
between requests, the generator's requests on the *other* CPU left up to milliseconds late (see docs/method.md). A loop
in the scheduling class SCHED_IDLE runs only where no other process wants to run, and any process that wakes up preempts
it at once. The servers' CPU time does not include the loop, because it comes from their own clocks.

The loop does not always give way. A kernel may share a CPU between sessions before it looks at the class (autogroup,
sched(7)), and one with lazy preemption lets the loop run until the next tick. ``--trial`` therefore measures what an
ordinary process gets.
"""

import argparse
import json
import os
import statistics
import sys
import time

MIN_SHARE = 0.9  # of its CPU, that a process must get next to the loop
MAX_WAKE_US = 500.0  # until a process must run after it wakes up; a tick is 1000 us or more
_TRIALS, _SPIN_S, _WAKES = 5, 0.02, 25
_SLEEP_S = 0.002  # in which the reader falls asleep


def main() -> int:
    """Spin on each CPU until standard input ends.

    So the loop does not outlive its parent.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.machine.idle_loop")
    parser.add_argument("--cpus", required=True, help="CPU numbers, e.g. 1,2")
    parser.add_argument("--trial", action="store_true", help="measure what a process gets of the first CPU, and exit")
    options = parser.parse_args()
    cpus = [int(cpu) for cpu in options.cpus.split(",")]
    if options.trial:
        share, wake_us = _measure_share(cpus[0]), _measure_wake_us(cpus[0])
        result = {"gives_way": gives_way(share, wake_us), "share": share, "wake_us": wake_us}
        sys.stdout.write(json.dumps(result) + "\n")
        return 0
    for cpu in cpus:
        if os.fork() == 0:
            _spin(cpu, os.getppid())
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    sys.stdin.read()
    return 0


def gives_way(share: float, wake_us: float) -> bool:
    """Return whether the loop does no harm to a process on its CPU."""
    return share >= MIN_SHARE and wake_us <= MAX_WAKE_US


def _spin(cpu: int, parent: int) -> None:
    os.sched_setaffinity(0, [cpu])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        for _ in range(10_000):
            pass
    os._exit(0)


def _measure_share(cpu: int) -> float:
    """Return the best share of a CPU that a computing process gets."""
    os.sched_setaffinity(0, [cpu])
    shares = []  # the hypervisor may take some of the CPU in one trial or the other
    for _ in range(_TRIALS):
        start_s, cpu_s = time.monotonic(), time.process_time()
        while time.monotonic() < start_s + _SPIN_S:
            pass
        shares.append((time.process_time() - cpu_s) / (time.monotonic() - start_s))
    return max(shares)


def _measure_wake_us(cpu: int) -> float:
    """Return the median time from a message to a process on the CPU until it runs.

    Another CPU sends the message.
    """
    reading, writing = os.pipe()
    other_cpus = [number for number in range(os.cpu_count() or 1) if number != cpu]
    sender = os.fork()
    if sender == 0:
        os.sched_setaffinity(0, other_cpus)
        for _ in range(_WAKES):
            time.sleep(_SLEEP_S)
            os.write(writing, time.monotonic_ns().to_bytes(8, "big"))
        os._exit(0)
    waits_us = [(-int.from_bytes(os.read(reading, 8), "big") + time.monotonic_ns()) / 1e3 for _ in range(_WAKES)]
    os.waitpid(sender, 0)
    return statistics.median(waits_us)


if __name__ == "__main__":
    sys.exit(main())

"""Keeps CPUs from going to sleep: ``python -m bench.awake --cpus 1``.

A CPU that halts takes its time to come back, and in a virtual machine it is the host that decides when: with the
servers' CPU halting between requests, requests of the generator on the *other* CPU left up to milliseconds late (see
docs/method.md). A loop in the scheduling class SCHED_IDLE runs only where nobody else wants to, and is preempted at
once by whoever wakes up; the servers' CPU time, taken from their own clocks, does not contain it.
"""

import argparse
import os
import sys


def main() -> int:
    """Spin on each CPU until standard input ends: so nothing outlives whoever started it."""
    parser = argparse.ArgumentParser(prog="python -m bench.awake")
    parser.add_argument("--cpus", required=True, help="as 1,2")
    cpus = [int(cpu) for cpu in parser.parse_args().cpus.split(",")]
    spinning = []
    for cpu in cpus:
        pid = os.fork()
        if pid == 0:
            _spin(cpu, os.getppid())
        spinning.append(pid)
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    sys.stdin.read()
    return 0


def _spin(cpu: int, parent: int) -> None:
    os.sched_setaffinity(0, [cpu])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        for _ in range(10_000):
            pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

"""The cost of a load for the generator's threads: CPU time, waits, page faults."""

import gc
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

from clients.engine.counters import COUNTERS
from clients.thread_load import ThreadLoad

_IDLE, _DRAINED = (list(COUNTERS.names or ()).index(name) for name in ("idle_ns", "drained_ns"))


@dataclass(frozen=True, slots=True)
class ThreadRun:
    """One thread's use of time in one load."""

    late_start_ns: int  # from when the load should have begun until it did
    elapsed_ns: int  # from the first request to the last reply; the wait for replies that never came is excluded
    cpu_ns: int  # polls that returned no event are excluded
    run_delay_ns: int  # time in which the thread was ready to run and had no CPU
    involuntary_switches: int
    major_faults: int


@dataclass(frozen=True, slots=True)
class ThreadUsage:
    """The use of time of all threads in one load."""

    elapsed_s: float  # of the thread that took longest
    cpu_s: float  # of all threads
    busiest_cpu_share: float  # of its elapsed time, in the busiest thread
    run_delay_s: float  # of all threads
    involuntary_switches: int
    major_faults: int
    gc_runs: int  # garbage collections in the process
    late_start_s: float = 0.0  # of the thread that began last


def combine(runs: Sequence[ThreadRun], gc_runs: int) -> ThreadUsage:
    """Combine the runs of all threads of a load."""
    return ThreadUsage(
        elapsed_s=max(run.elapsed_ns for run in runs) / 1e9,
        cpu_s=sum(run.cpu_ns for run in runs) / 1e9,
        busiest_cpu_share=max(run.cpu_ns / run.elapsed_ns for run in runs),
        run_delay_s=sum(run.run_delay_ns for run in runs) / 1e9,
        involuntary_switches=sum(run.involuntary_switches for run in runs),
        major_faults=sum(run.major_faults for run in runs),
        gc_runs=gc_runs,
        late_start_s=max(run.late_start_ns for run in runs) / 1e9,
    )


def run_and_measure(load: ThreadLoad, start_ns: int) -> ThreadRun:
    """Run the loop in this thread, and read the thread's clocks around it.

    The loop starts at ``start_ns``.
    """
    buffers = load.buffers[0]
    idle_ns, drained_ns = int(buffers.counters[_IDLE]), int(buffers.counters[_DRAINED])
    usage, delay_ns = resource.getrusage(resource.RUSAGE_THREAD), _run_delay_ns()
    while time.monotonic_ns() < start_ns:  # not in the loop, where the wait would count as work
        pass
    cpu_ns, began_ns = time.thread_time_ns(), time.monotonic_ns()
    load.run()
    elapsed_ns = max(1, time.monotonic_ns() - began_ns)
    cpu_ns = time.thread_time_ns() - cpu_ns
    idle_ns = int(buffers.counters[_IDLE]) - idle_ns
    drained_ns = int(buffers.counters[_DRAINED]) - drained_ns
    # Idle polls are timed by the wall clock. The rest of the time is work, or the thread had no CPU.
    busy_ns = min(cpu_ns, elapsed_ns - idle_ns) if idle_ns else cpu_ns
    after = resource.getrusage(resource.RUSAGE_THREAD)
    loaded_ns = max(1, elapsed_ns - drained_ns)  # the wait for one lost datagram is longer than many slices
    return ThreadRun(
        late_start_ns=max(0, began_ns - start_ns),
        elapsed_ns=loaded_ns,
        cpu_ns=min(loaded_ns, max(0, busy_ns)),
        run_delay_ns=_run_delay_ns() - delay_ns,
        involuntary_switches=after.ru_nivcsw - usage.ru_nivcsw,
        major_faults=after.ru_majflt - usage.ru_majflt,
    )


def gc_runs_so_far() -> int:
    """Return how many garbage collections this process has made."""
    return sum(int(generation["collections"]) for generation in gc.get_stats())


def _run_delay_ns() -> int:
    """Return how long this thread has waited for a CPU.

    That is the second figure of its schedstat.
    """
    with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:  # noqa: PTH123 - faster; read in every slice
        return int(file.read(100).split()[1])

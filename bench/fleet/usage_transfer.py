"""The resources of a process on another machine as plain values for JSON. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.machine.process_usage import CPU_SOURCES, Usage


def usage_to_plain(usage: Usage) -> dict[str, Any]:
    """Return the values of a reading. The threads are a list of process id, thread id and count."""
    return {
        "cpu_ns": usage.cpu_ns,
        "rss_mb": usage.rss_mb,
        "threads": usage.threads,
        "processes": usage.processes,
        "descriptors": usage.descriptors,
        "runs": [[pid, thread, runs] for (pid, thread), runs in usage.runs.items()],
        "cpu_source": usage.cpu_source,
    }


def usage_from_plain(values: Mapping[str, Any]) -> Usage:
    """Return the reading of these values."""
    runs = {(pid, thread): count for pid, thread, count in values["runs"]}
    return Usage(**{**values, "runs": runs})


def add_usages(usages: Sequence[Usage]) -> Usage:
    """Return the resources of the processes of several machines. A source of CPU times is that of the least exact."""
    sources = [usage.cpu_source for usage in usages]
    return Usage(
        cpu_ns=sum(usage.cpu_ns for usage in usages),
        rss_mb=sum(usage.rss_mb for usage in usages),
        threads=sum(usage.threads for usage in usages),
        processes=sum(usage.processes for usage in usages),
        descriptors=sum(usage.descriptors for usage in usages),
        runs=_add_runs(usages),
        cpu_source=max(sources, key=CPU_SOURCES.index),
    )


def _add_runs(usages: Sequence[Usage]) -> dict[tuple[int, int], int]:
    """Return the threads of all machines. Ids of two machines may be equal, so a thread's includes the machine."""
    return {
        (pid, thread * len(usages) + machine): runs
        for machine, usage in enumerate(usages)
        for (pid, thread), runs in usage.runs.items()
    }

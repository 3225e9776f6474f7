"""Scaling of the host of the servers with the number of generators: ``python -m tests.micro.generator_scaling``.

Generators are processes on this machine, with a light load, so that what is measured is what drives them: messages and
bytes of a slice, the time of a slice beyond its load, the time to add up the counts, and the memory that this takes.
With many more generators than CPUs, the time beyond the load is mostly that of the generators themselves.
"""

import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.load_spec import LoadSpec
from clients.merged_counts import merge_population_slices
from clients.worker_group import WorkerGroup
from tests.support.generator_members import ProcessMember, start_members
from tests.support.scripted_servers import HOST, start_udp_server

SLICES, SLICE_S, WARMUP_S, TIMEOUT_S = 40, 0.030, 0.005, 60.0
CONNECTIONS, RATE_RPS = 2, 100.0  # of each generator
GENERATORS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Scaling:
    """The figures of one number of generators; lists have a value for each slice."""

    generators: int
    messages: float  # of a slice, in both directions
    sent_bytes: float
    received_bytes: float
    beyond_load_ms: Sequence[float]
    merge_ms: Sequence[float]
    merge_peak_mb: float


def main() -> None:
    """Measure the numbers of generators of the command line, or the usual ones; print a row for each."""
    print("generators | messages | KB sent | KB received | ms beyond the load | ms to add up | MB to add up")  # noqa: T201
    for count in map(int, sys.argv[1:]) if sys.argv[1:] else GENERATORS:
        found = measure(count)
        beyond, merge = _spread(found.beyond_load_ms), _spread(found.merge_ms)
        cells = (found.generators, f"{found.messages:.1f}", f"{found.sent_bytes / 1e3:.1f}")
        more = (f"{found.received_bytes / 1e3:.1f}", beyond, merge, f"{found.merge_peak_mb:.2f}")
        print(" | ".join(map(str, (*cells, *more))), flush=True)  # noqa: T201


def measure(count: int) -> Scaling:
    """Load a server with some generators."""
    names = [f"lab{number}" for number in range(count)]
    with start_members(names) as members, start_udp_server(lambda _, data: [data]) as port:
        group, all_members = WorkerGroup([*members.values()]), [*members.values()]
        rate: dict[str, Any] = {"rate_rps": RATE_RPS * count, "arrivals": "constant"}
        settings = {
            "transport": "udp",
            "host": HOST,
            "port": port,
            "connections": CONNECTIONS * count,
            "timeout_s": 1.0,
        }
        assert group.answer({"do": "open", "id": "a", "settings": {**settings, **rate}}, TIMEOUT_S)["ok"]
        _slice(group, 0)  # reads the clocks for the first time
        before, beyond_ms = _traffic(all_members), []
        for number in range(SLICES):
            begin_s = time.perf_counter()
            elapsed_s = _slice(group, number)["elapsed_s"]
            beyond_ms.append(1e3 * (time.perf_counter() - begin_s - elapsed_s))
        after = _traffic(all_members)
        messages, sent, received = ((b - a) / SLICES for a, b in zip(before, after, strict=True))
        parts = [member.answers[-1]["counts"][""] for member in all_members]
        merge_ms, peak_mb = _merge(parts, LoadSpec(**{**settings, **rate}))
        assert group.answer({"do": "close", "id": "a"}, TIMEOUT_S)["ok"]
    return Scaling(count, messages, sent, received, beyond_ms, merge_ms, peak_mb)


def _slice(group: WorkerGroup, number: int) -> dict[str, Any]:
    command = {"do": "slice", "id": "a", "seconds": SLICE_S, "warmup_s": WARMUP_S, "seed": number}
    answer = group.answer(command, TIMEOUT_S)
    figures: dict[str, Any] = answer["slice"]
    return figures


def _traffic(members: Sequence[ProcessMember]) -> tuple[int, int, int]:
    """Return messages, bytes sent and bytes received so far."""
    sent = [len(json.dumps(command)) + 1 for member in members for command in member.sent]
    received = [len(json.dumps(answer)) + 1 for member in members for answer in member.answers]
    return len(sent) + len(received), sum(sent), sum(received)


def _merge(parts: Sequence[Mapping[str, Any]], spec: LoadSpec) -> tuple[list[float], float]:
    """Return the times to add up the counts of a slice, and the memory that this takes at most."""
    times_ms = []
    for _ in range(SLICES):
        begin_s = time.perf_counter()
        merge_population_slices(parts, spec)
        times_ms.append(1e3 * (time.perf_counter() - begin_s))
    tracemalloc.start()
    merge_population_slices(parts, spec)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return times_ms, peak / 1e6


def _spread(values: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()

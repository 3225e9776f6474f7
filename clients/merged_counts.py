"""The counts of generators that loaded one server together, read from plain values and added up. Pure.

Counts and histograms add up exactly. A time is that of the generator that took longest, and a rate follows from the sum
of replies, so the windows of all generators have the same length. ``clients.counts_transfer`` writes the plain values.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clients.engine.histogram_slots import Counts
from clients.load_spec import LoadSpec
from clients.measurement import LoadCounts, Slice, Totals
from clients.phase_counts import Goodput, PhaseSlice, phase_spec
from clients.population_counts import PopulationCounts, PopulationSlice
from clients.thread_usage import ThreadUsage

Plain = Mapping[str, Any]


def merge_populations(parts: Sequence[Plain], spec: LoadSpec) -> PopulationCounts:
    """Return the counts of a population whose clients were divided. spec: of all of them together."""
    last = [part["last"] for part in parts if part["last"] is not None]
    return PopulationCounts(
        spec=spec,
        totals=_merge_totals([part["totals"] for part in parts]),
        served=[count for part in parts for count in part["served"]],
        last=_merge_slices(last) if last else None,
        phases=_merge_phases([part["phases"] for part in parts], spec),
        goodput=_merge_goodput([part["goodput"] for part in parts if part["goodput"] is not None]),
    )


def merge_population_slices(parts: Sequence[Plain], spec: LoadSpec) -> PopulationSlice:
    """Return the last slices of a population whose clients were divided. spec: of all of them together."""
    slice_ = _merge_slices([part["slice"] for part in parts])
    return PopulationSlice(spec, slice_, _merge_phases([part["phases"] for part in parts], spec))


def _merge_slices(parts: Sequence[Plain]) -> Slice:
    first = parts[0]
    counts = LoadCounts(
        tally=_add_tallies(parts),
        primary=add_arrays([part["primary"] for part in parts]),
        never_answered=np.sum([part["never_answered"] for part in parts], axis=0, dtype=np.int64),
        histograms=_add_histograms(parts),
        bins=add_arrays([part["bins"] for part in parts]),
        bin_s=first["bin_s"],
        part_s=first["part_s"],
    )
    return Slice(
        start_s=first["start_s"],  # by the clock of the first generator
        duration_s=max(part["duration_s"] for part in parts),
        counts=counts,
        usage=_merge_usage([ThreadUsage(**part["usage"]) for part in parts]),
    )


def _merge_usage(usages: Sequence[ThreadUsage]) -> ThreadUsage:
    """Return the usage of all generators. Each has a CPU of its own, so a share of its time is that of the worst."""
    return ThreadUsage(
        elapsed_s=max(usage.elapsed_s for usage in usages),
        cpu_s=sum(usage.cpu_s for usage in usages),
        busiest_cpu_share=max(usage.busiest_cpu_share for usage in usages),
        run_delay_s=max(usage.run_delay_s for usage in usages),
        involuntary_switches=sum(usage.involuntary_switches for usage in usages),
        major_faults=sum(usage.major_faults for usage in usages),
        gc_runs=sum(usage.gc_runs for usage in usages),
        late_start_s=max(usage.late_start_s for usage in usages),
    )


def _merge_totals(parts: Sequence[Plain]) -> Totals:
    of_worst = ("slices", "duration_s", "elapsed_s", "busiest_cpu_s", "run_delay_s")
    of_all = ("involuntary_switches", "major_faults", "gc_runs")
    return Totals(
        **{name: max(part[name] for part in parts) for name in of_worst},
        **{name: sum(part[name] for part in parts) for name in of_all},
        tally=_add_tallies(parts),
        primary=add_arrays([part["primary"] for part in parts]),
        histograms=_add_histograms(parts),
    )


def _merge_phases(parts: Sequence[Sequence[Plain]], spec: LoadSpec) -> tuple[PhaseSlice, ...]:
    """Return the phases of all generators. parts: of each generator, with the same phases at other rates."""
    return tuple(
        PhaseSlice(phase, phase_spec(spec, phase), _merge_slices([part["slice"] for part in same]))
        for phase, same in zip(spec.phases, zip(*parts, strict=True), strict=False)
    )


def _merge_goodput(parts: Sequence[Plain]) -> Goodput | None:
    """Return the bins of all generators; None if there are none."""
    return Goodput(parts[0]["bin_s"], add_arrays([part["bins"] for part in parts])) if parts else None


def _add_tallies(parts: Sequence[Plain]) -> dict[str, int]:
    return {name: sum(part["tally"][name] for part in parts) for name in parts[0]["tally"]}


def _add_histograms(parts: Sequence[Plain]) -> dict[str, Counts]:
    return {name: add_arrays([part["histograms"][name] for part in parts]) for name in parts[0]["histograms"]}


def add_arrays(parts: Sequence[Plain]) -> Counts:
    """Return the sum of arrays. Only the first length may differ: a generator that was stopped sooner has fewer rows.

    The elements that are not zero are added to one array. An array for each generator would be 38,912 slots of zeros in
    each of its histograms.
    """
    shape = max(part["shape"] for part in parts)
    total = np.zeros(int(np.prod(shape)), np.int64)
    for part in parts:
        if part["at"]:
            total[part["at"]] += part["values"]
    return total.reshape(shape)

"""The counts of several generators that loaded one server together, added up. Pure.

Counts and histograms add up exactly. A time is that of the generator that took longest, and a rate follows from the sum
of replies, so the windows of all generators have the same length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from clients.engine.histogram_slots import Counts
from clients.histogram import add_up
from clients.load_spec import LoadSpec
from clients.measurement import LoadCounts, Slice, Totals
from clients.phase_counts import Goodput, PhaseSlice, phase_spec
from clients.population_counts import PopulationCounts, PopulationSlice
from clients.thread_usage import ThreadUsage


def merge_populations(parts: Sequence[PopulationCounts], spec: LoadSpec) -> PopulationCounts:
    """Return the counts of a population whose clients were divided. spec: of all of them together."""
    last = [part.last for part in parts if part.last is not None]
    goodput = [part.goodput for part in parts if part.goodput is not None]
    return PopulationCounts(
        spec=spec,
        totals=_merge_totals([part.totals for part in parts]),
        served=[count for part in parts for count in part.served],
        last=merge_slices(last) if last else None,
        phases=_merge_phases([part.phases for part in parts], spec),
        goodput=_merge_goodput(goodput) if goodput else None,
    )


def merge_population_slices(parts: Sequence[PopulationSlice], spec: LoadSpec) -> PopulationSlice:
    """Return the last slices of a population whose clients were divided. spec: of all of them together."""
    slice_ = merge_slices([part.slice_ for part in parts])
    return PopulationSlice(spec, slice_, _merge_phases([part.phases for part in parts], spec))


def merge_slices(slices: Sequence[Slice]) -> Slice:
    """Return the slices of several generators as one."""
    return Slice(
        start_s=slices[0].start_s,  # by the clock of the first generator
        duration_s=max(each.duration_s for each in slices),
        counts=_merge_counts([each.counts for each in slices]),
        usage=_merge_usage([each.usage for each in slices]),
    )


def _merge_counts(parts: Sequence[LoadCounts]) -> LoadCounts:
    first = parts[0]
    return replace(
        first,
        tally=_add_tallies([part.tally for part in parts]),
        primary=add_up([part.primary for part in parts]),
        never_answered=add_up([part.never_answered for part in parts]),
        histograms=_add_histograms([part.histograms for part in parts]),
        bins=add_up([part.bins for part in parts]),
    )


def _merge_usage(usages: Sequence[ThreadUsage]) -> ThreadUsage:
    return ThreadUsage(
        elapsed_s=max(usage.elapsed_s for usage in usages),
        cpu_s=sum(usage.cpu_s for usage in usages),
        busiest_cpu_share=max(usage.busiest_cpu_share for usage in usages),
        run_delay_s=sum(usage.run_delay_s for usage in usages),
        involuntary_switches=sum(usage.involuntary_switches for usage in usages),
        major_faults=sum(usage.major_faults for usage in usages),
        gc_runs=sum(usage.gc_runs for usage in usages),
        late_start_s=max(usage.late_start_s for usage in usages),
    )


def _merge_totals(parts: Sequence[Totals]) -> Totals:
    return Totals(
        slices=max(part.slices for part in parts),
        duration_s=max(part.duration_s for part in parts),
        elapsed_s=max(part.elapsed_s for part in parts),
        busiest_cpu_s=max(part.busiest_cpu_s for part in parts),
        run_delay_s=sum(part.run_delay_s for part in parts),
        involuntary_switches=sum(part.involuntary_switches for part in parts),
        major_faults=sum(part.major_faults for part in parts),
        gc_runs=sum(part.gc_runs for part in parts),
        tally=_add_tallies([part.tally for part in parts]),
        primary=add_up([part.primary for part in parts]),
        histograms=_add_histograms([part.histograms for part in parts]),
    )


def _merge_phases(parts: Sequence[Sequence[PhaseSlice]], spec: LoadSpec) -> tuple[PhaseSlice, ...]:
    """Return the phases of all generators. parts: of each generator, with the same phases at other rates."""
    return tuple(
        PhaseSlice(phase, phase_spec(spec, phase), merge_slices([part.slice_ for part in same]))
        for phase, same in zip(spec.phases, zip(*parts, strict=True), strict=False)
    )


def _merge_goodput(parts: Sequence[Goodput]) -> Goodput:
    """Return the bins of all generators. A generator that was stopped sooner has fewer of them."""
    longest = max(len(part.bins) for part in parts)
    padded = [np.pad(part.bins, ((0, longest - len(part.bins)), (0, 0))) for part in parts]
    return Goodput(parts[0].bin_s, add_up(padded))


def _add_tallies(tallies: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(tally[name] for tally in tallies) for name in tallies[0]}


def _add_histograms(parts: Sequence[Mapping[str, Counts]]) -> dict[str, Counts]:
    return {name: add_up([part[name] for part in parts]) for name in parts[0]}

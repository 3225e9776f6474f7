"""The result documents of several populations of clients, and of the phases of a load."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clients.load_context import LoadContext
from clients.measurement import Totals
from clients.phase_counts import PhaseSlice
from clients.population_counts import PopulationCounts
from clients.result_document import make_document
from clients.window_counts import latency_windows, to_document


def make_documents(
    populations: Mapping[str, PopulationCounts], cpus: tuple[int, ...], context: LoadContext
) -> dict[str, dict[str, Any]]:
    """Return the document of each population, with those of its phases."""
    return {name: make_population_document(counts, cpus, context) for name, counts in populations.items()}


def make_population_document(counts: PopulationCounts, cpus: tuple[int, ...], context: LoadContext) -> dict[str, Any]:
    """Return the document of a population: that of its whole load, and of each phase of its last one.

    ``goodput`` has the ok replies and the failures of the last load in short bins, by when they came.
    ``latency_windows`` has a histogram of latencies for each window of the last load, by when requests were due.
    """
    document = make_document(counts.spec, counts.totals, counts.served, cpus, context)
    if not counts.spec.phases:
        return document
    return document | {
        "phases": _describe_phases(counts.phases, cpus, context),
        "goodput": None if counts.goodput is None else counts.goodput.to_document(),
        "latency_windows": None if counts.last is None else to_document(latency_windows(counts.last)),
    }


def _describe_phases(phases: Sequence[PhaseSlice], cpus: tuple[int, ...], context: LoadContext) -> list[dict[str, Any]]:
    """Return the documents of all phases. Replies are counted in the phase of their request."""
    answered = [found.slice_.counts.tally["ok"] > 0 for found in phases]
    return [
        _describe_phase(found, cpus, replace(context, answered_before=any(answered[:number])))
        for number, found in enumerate(phases)
    ]


def _describe_phase(found: PhaseSlice, cpus: tuple[int, ...], context: LoadContext) -> dict[str, Any]:
    """Return the document of a phase, as if it were a load of its own."""
    own = replace(context, whole_load=None, warmup_s=0.0, active=found.phase.active, is_phase=True, drops=None)
    return {
        "name": found.phase.name,
        "seconds": found.phase.seconds,
        "active": found.phase.active,
        **make_document(found.spec, Totals().plus(found.slice_), [], cpus, own),
    }

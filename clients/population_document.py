"""The result documents of several populations of clients, and of the phases of a load."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clients.engine.histogram_slots import Counts
from clients.load_context import LoadContext
from clients.measurement import Totals
from clients.phase_counts import PhaseSlice, goodput
from clients.population import Population
from clients.result_document import make_document, named_histograms
from clients.window_counts import latency_windows, to_document


def make_documents(
    populations: Mapping[str, Population], cpus: tuple[int, ...], context: LoadContext
) -> dict[str, dict[str, Any]]:
    """Return the document of each population, with those of its phases."""
    return {name: make_population_document(population, cpus, context) for name, population in populations.items()}


def make_population_document(population: Population, cpus: tuple[int, ...], context: LoadContext) -> dict[str, Any]:
    """Return the document of a population: that of its whole load, and of each phase of its last one.

    ``goodput`` has the ok replies and the failures of the last load in short bins, by when they came.
    ``latency_windows`` has a histogram of latencies for each window of the last load, by when requests were due.
    """
    document = make_document(population.spec, population.totals, population.served(), cpus, context)
    if not population.spec.phases:
        return document
    last = population.last
    return document | {
        "phases": _describe_phases(population.phase_slices, cpus, context),
        "goodput": None if last is None else goodput(population.buffers, last.duration_s).to_document(),
        "latency_windows": None if last is None else to_document(latency_windows(last)),
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


def all_histograms(populations: Mapping[str, Population]) -> dict[str, dict[str, Counts]]:
    """Return the histograms of each population, and of each phase as ``population/phase``; shape (SLOTS,) each."""
    found = {}
    for name, population in populations.items():
        found[name] = named_histograms(population.spec, population.totals)
        for part in population.phase_slices:
            found[f"{name}/{part.phase.name}"] = named_histograms(part.spec, part.slice_.counts)
    return found

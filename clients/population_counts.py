"""Everything counted of a population of clients, apart from its connections. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from clients.engine.histogram_slots import Counts
from clients.load_spec import LoadSpec
from clients.measurement import Slice, Totals
from clients.phase_counts import Goodput, PhaseSlice, goodput
from clients.population import Population
from clients.result_document import named_histograms


@dataclass(frozen=True, slots=True)
class PopulationSlice:
    """The last load of one population."""

    spec: LoadSpec
    slice_: Slice
    phases: tuple[PhaseSlice, ...]


@dataclass(frozen=True, slots=True)
class PopulationCounts:
    """Everything that the documents of a population need."""

    spec: LoadSpec
    totals: Totals  # of all counted loads
    served: list[int]  # replies inside the windows, of each connection; empty if that is unknown
    last: Slice | None  # the last load
    phases: tuple[PhaseSlice, ...]  # of the last load
    goodput: Goodput | None  # of the last load; None without phases

    @classmethod
    def of(cls, population: Population) -> Self:
        """Return the counts of a population so far."""
        last, spec = population.last, population.spec
        bins = goodput(population.buffers, last.duration_s) if last is not None and spec.phases else None
        return cls(spec, population.totals, population.served(), last, tuple(population.phase_slices), bins)


def all_histograms(populations: Mapping[str, PopulationCounts]) -> dict[str, dict[str, Counts]]:
    """Return the histograms of each population, and of each phase as ``population/phase``; shape (SLOTS,) each."""
    found = {}
    for name, counts in populations.items():
        found[name] = named_histograms(counts.spec, counts.totals)
        for part in counts.phases:
            found[f"{name}/{part.phase.name}"] = named_histograms(part.spec, part.slice_.counts)
    return found

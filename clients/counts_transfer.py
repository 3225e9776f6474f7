"""The counts of a load as plain values for JSON, without any loss: for a process on another machine. Pure.

Arrays are mostly zeros, so an array is its shape with the positions and the values of the other elements.
``clients.merged_counts`` reads them.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from clients.engine.histogram_slots import Counts
from clients.histogram import used_slots
from clients.measurement import Slice, Totals
from clients.phase_counts import PhaseSlice
from clients.population_counts import PopulationCounts, PopulationSlice


def to_plain(counts: PopulationCounts) -> dict[str, Any]:
    """Return the counts of a population as values for JSON. The specification is not included: both sides know it."""
    return {
        "totals": _totals_to_plain(counts.totals),
        "served": counts.served,
        "last": None if counts.last is None else _slice_to_plain(counts.last),
        "phases": _phases_to_plain(counts.phases),
        "goodput": None
        if counts.goodput is None
        else {"bin_s": counts.goodput.bin_s, "bins": _array_to_plain(counts.goodput.bins)},
    }


def slice_to_plain(load: PopulationSlice) -> dict[str, Any]:
    """Return the last slice of a population as values for JSON, without the specification."""
    return {"slice": _slice_to_plain(load.slice_), "phases": _phases_to_plain(load.phases)}


def _slice_to_plain(slice_: Slice) -> dict[str, Any]:
    counts = slice_.counts
    return {
        "start_s": slice_.start_s,
        "duration_s": slice_.duration_s,
        "usage": asdict(slice_.usage),
        "tally": counts.tally,
        "primary": _array_to_plain(counts.primary),
        "never_answered": counts.never_answered.tolist(),
        "histograms": {name: _array_to_plain(each) for name, each in counts.histograms.items()},
        "bins": _array_to_plain(counts.bins),
        "bin_s": counts.bin_s,
        "part_s": counts.part_s,
    }


def _phases_to_plain(phases: Sequence[PhaseSlice]) -> list[dict[str, Any]]:
    return [{"phase": asdict(part.phase), "slice": _slice_to_plain(part.slice_)} for part in phases]


def _totals_to_plain(totals: Totals) -> dict[str, Any]:
    plain = {field.name: getattr(totals, field.name) for field in fields(totals)}
    histograms = {name: _array_to_plain(each) for name, each in totals.histograms.items()}
    return plain | {"primary": _array_to_plain(totals.primary), "histograms": histograms}


def _array_to_plain(array: Counts) -> dict[str, Any]:
    flat = array.ravel()
    used = used_slots(flat)
    return {"shape": list(array.shape), "at": used.tolist(), "values": flat[used].tolist()}

"""The counts of a load as plain values for JSON, without any loss: for a process on another machine. Pure.

Arrays are mostly zeros, so an array is its shape with the positions and the values of the other elements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from clients.engine.histogram_slots import Counts
from clients.histogram import used_slots
from clients.load_spec import LoadSpec, Phase
from clients.measurement import LoadCounts, Slice, Totals
from clients.phase_counts import Goodput, PhaseSlice, phase_spec
from clients.population_counts import PopulationCounts, PopulationSlice
from clients.thread_usage import ThreadUsage


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


def from_plain(plain: Mapping[str, Any], spec: LoadSpec) -> PopulationCounts:
    """Return the counts of a population. spec: the load that was counted."""
    goodput = plain["goodput"]
    return PopulationCounts(
        spec=spec,
        totals=_totals_from_plain(plain["totals"]),
        served=list(plain["served"]),
        last=None if plain["last"] is None else _slice_from_plain(plain["last"]),
        phases=_phases_from_plain(plain["phases"], spec),
        goodput=None if goodput is None else Goodput(goodput["bin_s"], _array_from_plain(goodput["bins"])),
    )


def slice_to_plain(load: PopulationSlice) -> dict[str, Any]:
    """Return the last slice of a population as values for JSON, without the specification."""
    return {"slice": _slice_to_plain(load.slice_), "phases": _phases_to_plain(load.phases)}


def slice_from_plain(plain: Mapping[str, Any], spec: LoadSpec) -> PopulationSlice:
    """Return the last slice of a population. spec: the load that was counted."""
    return PopulationSlice(spec, _slice_from_plain(plain["slice"]), _phases_from_plain(plain["phases"], spec))


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


def _slice_from_plain(plain: Mapping[str, Any]) -> Slice:
    counts = LoadCounts(
        tally=dict(plain["tally"]),
        primary=_array_from_plain(plain["primary"]),
        never_answered=np.array(plain["never_answered"], np.int64),
        histograms={name: _array_from_plain(each) for name, each in plain["histograms"].items()},
        bins=_array_from_plain(plain["bins"]),
        bin_s=plain["bin_s"],
        part_s=plain["part_s"],
    )
    return Slice(plain["start_s"], plain["duration_s"], counts, ThreadUsage(**plain["usage"]))


def _phases_to_plain(phases: Sequence[PhaseSlice]) -> list[dict[str, Any]]:
    return [{"phase": asdict(part.phase), "slice": _slice_to_plain(part.slice_)} for part in phases]


def _phases_from_plain(plain: Sequence[Mapping[str, Any]], spec: LoadSpec) -> tuple[PhaseSlice, ...]:
    phases = [(Phase(**part["phase"]), part["slice"]) for part in plain]
    return tuple(PhaseSlice(phase, phase_spec(spec, phase), _slice_from_plain(slice_)) for phase, slice_ in phases)


def _totals_to_plain(totals: Totals) -> dict[str, Any]:
    plain = {field.name: getattr(totals, field.name) for field in fields(totals)}
    histograms = {name: _array_to_plain(each) for name, each in totals.histograms.items()}
    return plain | {"primary": _array_to_plain(totals.primary), "histograms": histograms}


def _totals_from_plain(plain: Mapping[str, Any]) -> Totals:
    histograms = {name: _array_from_plain(each) for name, each in plain["histograms"].items()}
    return Totals(**{**plain, "primary": _array_from_plain(plain["primary"]), "histograms": histograms})


def _array_to_plain(array: Counts) -> dict[str, Any]:
    flat = array.ravel()
    used = used_slots(flat)
    return {"shape": list(array.shape), "at": used.tolist(), "values": flat[used].tolist()}


def _array_from_plain(plain: Mapping[str, Any]) -> Counts:
    flat = np.zeros(int(np.prod(plain["shape"])), np.int64)
    flat[plain["at"]] = plain["values"]
    return flat.reshape(plain["shape"])

"""The answers of a generator about its loads, from what was counted: figures of a slice, and documents. Pure."""

from collections.abc import Mapping
from typing import Any

from clients.engine.histogram_slots import Counts
from clients.histogram import coarse, has_enough_beyond, quantile_ns
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.measurement import Slice, replies_per_s
from clients.population_counts import PopulationCounts, PopulationSlice, all_histograms
from clients.population_document import make_documents
from clients.result_document import named_histograms, never_answered, sessions_per_s
from clients.steady_state import to_json

ONLY = ""  # the name of a population that is opened without one


def answer_slice(populations: Mapping[str, PopulationSlice]) -> dict[str, Any]:
    """Return the answer after a slice: its figures, of each population if they have names."""
    described = {name: _describe_population(each) for name, each in populations.items()}
    return {"ok": True, "slice": described[ONLY]} if tuple(described) == (ONLY,) else {"ok": True, "slices": described}


def answer_close(
    populations: Mapping[str, PopulationCounts], cpus: tuple[int, ...], context: LoadContext
) -> dict[str, Any]:
    """Return the answer after a load: documents and histograms. cpus: of the generator's threads."""
    histograms = {
        key: {quantity: coarse(counts) for quantity, counts in found.items() if counts.any()}
        for key, found in all_histograms(populations).items()
    }
    documents = make_documents(populations, cpus, context)
    if tuple(documents) == (ONLY,):
        return {"ok": True, "document": documents[ONLY], "histograms": histograms[ONLY]}
    return {"ok": True, "documents": documents, "histograms": histograms}


def _describe_population(load: PopulationSlice) -> dict[str, Any]:
    """Return the figures of one slice of a population, with those of its phases."""
    described = describe_slice(load.spec, load.slice_)
    if load.spec.phases:
        described["phases"] = {part.phase.name: describe_slice(part.spec, part.slice_) for part in load.phases}
    return described


def describe_slice(spec: LoadSpec, slice_: Slice) -> dict[str, Any]:
    """Return the figures of one slice.

    A request is given up in its slice; its reply counts as late in the slice in which it arrives.
    """
    tally, usage = slice_.counts.tally, slice_.usage
    rate = replies_per_s(tally, slice_.duration_s)
    histograms, missing = named_histograms(spec, slice_.counts), never_answered(spec, slice_.counts)
    percentiles = {
        f"{quantity}_{name}_us": _quantile_us(histograms[quantity], quantile, missing[quantity])
        if quantity in histograms
        else None
        for quantity in ("service", "latency")
        for name, quantile in (("p50", 0.5), ("p99", 0.99))
    }
    return {
        "start_s": slice_.start_s,
        "duration_s": slice_.duration_s,
        "elapsed_s": usage.elapsed_s,
        "scheduled": tally["scheduled"] if spec.open_loop else None,
        "sent": tally["sent"],
        "unsent": tally["unsent"],
        "replies": tally["replies"],
        "answered": tally["ok"],
        "sessions": tally["sessions"],
        "throughput_rps": rate,
        "sessions_per_s": sessions_per_s(spec, rate),
        "late": tally["late"],
        "given_up": tally["timed_out"] + tally["broken"],
        "corrupt": tally["corrupt"],
        **percentiles,
        "generator_cpu_us": usage.cpu_s * 1e6,
        "generator_cpu_share": usage.busiest_cpu_share,
        "run_delay_share": usage.run_delay_s / usage.elapsed_s if usage.elapsed_s else 0.0,
        "involuntary_switches": usage.involuntary_switches,
    }


def _quantile_us(counts: Counts, quantile: float, missing: int) -> float | str | None:
    """Return a percentile if enough requests lie beyond it, and the median of any; "inf" if it is infinite."""
    if quantile > 0.5 and not has_enough_beyond(int(counts.sum()) + missing, quantile):
        return None
    return to_json(quantile_ns(counts, quantile, missing) / 1e3)

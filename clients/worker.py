"""The generator as bench uses it.

Reads one JSON command per line and writes one JSON answer per line:

    {"do": "hello"}                                    -> {"ok": true, "threads", "cpus"}
    {"do": "set_thresholds", "thresholds": {...}}      -> {"ok": true}        (see quality_codes.Thresholds)
    {"do": "verify", "settings": {...}}                -> {"ok": true, "host"}
                                                          (optional "concurrent_clients"; here the host may be a name)
    {"do": "open", "id": ..., "settings": {...}}       -> {"ok": true, "connected"}
    {"do": "warm", "id": ..., "seconds"}               -> {"ok": true, "elapsed_s"} (a load that does not count)
    {"do": "slice", "id": ..., "seconds", "warmup_s"}  -> {"ok": true, "slice": {...}}
                                                          (optional "seed": of the arrivals of an open loop)
    {"do": "raw", "id": ...}                           -> {"ok": true, "rows": [[connection, sent_ns, received_ns]]}
                                                          (of the last slice, from its start; see LoadSpec.raw_rows)
    {"do": "discard", "id": ...}                       -> {"ok": true}        (drops the last slice)
    {"do": "close", "id": ...}                         -> {"ok": true, "document": {...}, "histograms": {...}}
                                                          (optional "baseline_rps": rate of the baseline at this load)

Several populations of clients load a server together:

    {"do": "open", "id": ..., "populations": [{"name": "quiet", "settings": {...}}, ...]}
                                                       -> {"ok": true, "connected": {"quiet": ..., ...}}
    {"do": "slice", ...}                               -> {"ok": true, "slices": {"quiet": {...}, ...}}
    {"do": "close", ...}                               -> {"ok": true, "documents": {"quiet": {...}, ...},
                                                           "histograms": {"quiet": {...}, "quiet/PHASE": {...}, ...}}

If the load has phases, each slice has the slices of its phases under "phases". The seconds of a load are those of its
warm-up and its phases. {"do": "prepare_populations"} compiles the loop for populations, which the first "open" does
otherwise.

"settings" are the fields of ``LoadSpec``. A failed command is answered {"ok": false, "error": "..."}. The worker exits
when its standard input ends.
"""

import gc
import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from clients import kernel_counters
from clients.addresses import resolve
from clients.engine.histogram_slots import Counts
from clients.engine.threads import Threads
from clients.fd_limit import TooManyConnectionsError, raise_fd_limit
from clients.generator import PopulationsGenerator, compile_loops, compile_populations
from clients.histogram import coarse, has_enough_beyond, quantile_ns
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.local_ports import PortsExhaustedError
from clients.measurement import Slice, replies_per_s
from clients.population import Population
from clients.population_document import all_histograms, make_documents
from clients.population_specs import parse_populations
from clients.protocol_check import ProtocolError, find_server
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds
from clients.raw_rows import answered_rows
from clients.result_document import named_histograms, never_answered, sessions_per_s
from clients.steady_state import to_json

# Includes OverflowError and other arithmetic errors: no value in a command may end a worker that serves other loads.
_COMMAND_ERRORS = (
    ProtocolError,
    PortsExhaustedError,
    TooManyConnectionsError,
    OSError,
    TypeError,
    ValueError,
    MemoryError,
    ArithmeticError,
)


_ONLY = ""  # the name of a population that is opened without one


class Worker:
    """The open load generators by their id, and the threads that they share."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._threads = Threads(cpus)
        self._generators: dict[str, PopulationsGenerator] = {}
        self._compiled_populations = False
        self._thresholds = DEFAULT_THRESHOLDS
        self._drops: dict[str, dict[str, int] | None] = {}  # datagrams dropped before each generator was used

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Execute one command."""
        try:
            match command:
                case {"do": "hello"}:
                    return {"ok": True, "cpus": list(self._threads.cpus), "threads": len(self._threads)}
                case {"do": "set_thresholds", "thresholds": dict(changes)}:
                    self._thresholds = Thresholds(CATALOGUE, changes)
                    return {"ok": True}
                case {"do": "prepare_populations"}:
                    return self._prepare_populations()
                case {"do": "verify", "settings": dict(settings)}:
                    return _verify(settings, command.get("concurrent_clients", 1))
                case {"id": str(name)}:
                    return self._answer_for(name, command)
        except _COMMAND_ERRORS as error:
            return {"ok": False, "error": str(error) or type(error).__name__}
        except KeyError as error:
            return {"ok": False, "error": f"id {error} is not open"}
        return _unknown(command)

    def _answer_for(self, name: str, command: dict[str, Any]) -> dict[str, Any]:
        """Execute a command on one generator."""
        match command:
            case {"do": "open", "settings": dict(settings)}:
                answer = self._open(name, {_ONLY: LoadSpec(**settings)})
                return answer | {"connected": answer["connected"][_ONLY]} if answer["ok"] else answer
            case {"do": "open", "populations": list(populations)}:
                return self._open(name, parse_populations(populations))
            case {"do": "warm", "seconds": seconds}:
                warmed = self._generators[name].load(seconds, seconds, counted=False)
                return {"ok": True, "elapsed_s": max(slice_.usage.elapsed_s for slice_ in warmed.values())}
            case {"do": "slice", "seconds": seconds, "warmup_s": warmup_s}:
                return self._load(self._generators[name], seconds, warmup_s, command.get("seed"))
            case {"do": "raw"}:
                return self._raw(self._generators[name])
            case {"do": "discard"}:
                self._generators[name].discard_last()
                return {"ok": True}
            case {"do": "close"}:
                return self._close(name, command.get("baseline_rps"))
        return _unknown(command)

    def close(self) -> None:
        """Close all generators and threads."""
        for generator in self._generators.values():
            generator.close()
        self._threads.close()

    def _open(self, name: str, specs: dict[str, LoadSpec]) -> dict[str, Any]:
        if name in self._generators:
            raise ValueError(f"id {name!r} is open already; close it first")
        if len(specs) > 1 or not all(spec.is_plain for spec in specs.values()):
            self._prepare_populations()
        opened = [spec for generator in self._generators.values() for spec in generator.specs.values()]
        pollers = len(self._threads) * (len(self._generators) + 1)
        raise_fd_limit(sum(spec.connections for spec in (*opened, *specs.values())) + pollers)
        generator = PopulationsGenerator(specs, self._threads)
        self._generators[name] = generator
        connected = generator.open()
        self._drops[name] = kernel_counters.drops(_any_spec(generator))
        return {"ok": True, "connected": connected}

    def _prepare_populations(self) -> dict[str, Any]:
        """Compile the loop for populations, once: that must not count as load."""
        compile_s = 0.0 if self._compiled_populations else compile_populations()
        self._compiled_populations = True
        return {"ok": True, "compile_s": compile_s}

    def _load(
        self, generator: PopulationsGenerator, seconds: float, warmup_s: float, seed: int | None
    ) -> dict[str, Any]:
        slices = generator.load(seconds, warmup_s, seed=seed)
        described = {
            name: describe_population_slice(generator.populations[name], slice_) for name, slice_ in slices.items()
        }
        if tuple(described) == (_ONLY,):
            return {"ok": True, "slice": described[_ONLY]}
        return {"ok": True, "slices": described}

    def _raw(self, generator: PopulationsGenerator) -> dict[str, Any]:
        """Return the replies of the last slice, of all populations."""
        rows: list[list[int]] = []
        for population in generator.populations.values():
            if (last := population.last) is not None:
                start_ns, length_ns = round(last.start_s * 1e9), round(last.duration_s * 1e9)
                rows += answered_rows(population.raw(), start_ns, start_ns + length_ns)
        return {"ok": True, "rows": rows}

    def _close(self, name: str, baseline_rps: float | None) -> dict[str, Any]:
        generator = self._generators.pop(name)
        drops = kernel_counters.drops_since(self._drops.pop(name), _any_spec(generator))
        generator.close()
        histograms = {
            key: {quantity: coarse(counts) for quantity, counts in found.items() if counts.any()}
            for key, found in all_histograms(generator.populations).items()
        }
        context = LoadContext(
            baseline_rps=baseline_rps,
            drops=drops,
            good_clock=kernel_counters.has_good_clock(),
            thresholds=self._thresholds,
        )
        documents = make_documents(generator.populations, self._threads.cpus, context)
        if tuple(documents) == (_ONLY,):
            return {"ok": True, "document": documents[_ONLY], "histograms": histograms[_ONLY]}
        return {"ok": True, "documents": documents, "histograms": histograms}


def _any_spec(generator: PopulationsGenerator) -> LoadSpec:
    """Return the specification of one population: all load the same server."""
    return next(iter(generator.specs.values()))


def _verify(settings: dict[str, Any], concurrent_clients: int) -> dict[str, Any]:
    """Check a server's protocol; return the address at which it was found."""
    host = settings.get("host", "")
    spec = LoadSpec(**settings | {"host": resolve(host)[0]})
    message = np.random.default_rng(spec.seed).bytes(spec.message_bytes)
    return {"ok": True, "host": find_server(spec, host, message, concurrent_clients).host}


def _unknown(command: dict[str, Any]) -> dict[str, Any]:
    return {"ok": False, "error": f"unknown command: {json.dumps(command)[:200]}"}


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


def describe_population_slice(population: Population, slice_: Slice) -> dict[str, Any]:
    """Return the figures of one slice of a population, with those of its phases."""
    described = describe_slice(population.spec, slice_)
    if population.spec.phases:
        described["phases"] = {
            part.phase.name: describe_slice(part.spec, part.slice_) for part in population.phase_slices
        }
    return described


def _quantile_us(counts: Counts, quantile: float, missing: int) -> float | str | None:
    """Return a percentile if enough requests lie beyond it, and the median of any; "inf" if it is infinite."""
    if quantile > 0.5 and not has_enough_beyond(int(counts.sum()) + missing, quantile):
        return None
    return to_json(quantile_ns(counts, quantile, missing) / 1e3)


def run(cpus: Sequence[int], source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> None:
    """Answer commands until the source ends."""
    compile_s = compile_loops()
    gc.disable()  # all objects here are small and short-lived; a collection would disturb a slice
    worker = Worker(cpus)
    try:
        print(json.dumps({"ready": True, "compile_s": compile_s}), file=sink, flush=True)
        for line in source:
            try:
                command = json.loads(line)
            except ValueError as error:
                reply: dict[str, Any] = {"ok": False, "error": f"not JSON: {error}"}
            else:
                reply = worker.answer(command)
            print(json.dumps(reply), file=sink, flush=True)
    finally:
        worker.close()

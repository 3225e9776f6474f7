"""The generator as bench uses it.

Reads one JSON command per line and writes one JSON answer per line:

    {"do": "hello"}                                    -> {"ok": true, "threads", "cpus"}
    {"do": "clock"}                                    -> {"ok": true, "monotonic_ns"}
    {"do": "set_thresholds", "thresholds": {...}}      -> {"ok": true}        (see quality_codes.Thresholds)
    {"do": "verify", "settings": {...}}                -> {"ok": true, "host"}
                                                          (optional "concurrent_clients"; here the host may be a name)
    {"do": "open", "id": ..., "settings": {...}}       -> {"ok": true, "connected"}
    {"do": "warm", "id": ..., "seconds"}               -> {"ok": true, "elapsed_s"} (a load that does not count)
    {"do": "slice", "id": ..., "seconds", "warmup_s"}  -> {"ok": true, "slice": {...}}
                                                          (optional "seed": of the arrivals of an open loop;
                                                          "start_ns": by the clock above; "tail_s": see
                                                          ``PopulationsGenerator.load``)
    {"do": "raw", "id": ...}                           -> {"ok": true, "rows": [[connection, sent_ns, received_ns]]}
                                                          (of the last slice, from its start; see LoadSpec.raw_rows)
    {"do": "discard", "id": ...}                       -> {"ok": true}        (drops the last slice)
    {"do": "close", "id": ...}                         -> {"ok": true, "document": {...}, "histograms": {...}}
                                                          (optional "baseline_rps": rate of the baseline at this load;
                                                          "server_drops": datagrams that the kernel dropped at a
                                                          server on another machine)

Several populations of clients load a server together:

    {"do": "open", "id": ..., "populations": [{"name": "quiet", "settings": {...}}, ...]}
                                                       -> {"ok": true, "connected": {"quiet": ..., ...}}
    {"do": "slice", ...}                               -> {"ok": true, "slices": {"quiet": {...}, ...}}
    {"do": "close", ...}                               -> {"ok": true, "documents": {"quiet": {...}, ...},
                                                           "histograms": {"quiet": {...}, "quiet/PHASE": {...}, ...}}

If the load has phases, each slice has the slices of its phases under "phases". The seconds of a load are those of its
warm-up and its phases. {"do": "prepare_populations"} compiles the loop for populations, which the first "open" does
otherwise.

If several generators load a server together, "slice" and "close" have "as_counts": true. The answers then have the
plain values of ``clients.counts_transfer`` under "counts", by population, and ``clients.worker_group`` adds them up.

"settings" are the fields of ``LoadSpec``. A failed command is answered {"ok": false, "error": "..."}. The worker exits
when its standard input ends.
"""

import gc
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from clients import kernel_counters
from clients.addresses import resolve
from clients.counts_transfer import slice_to_plain, to_plain
from clients.engine.threads import Threads
from clients.fd_limit import TooManyConnectionsError, raise_fd_limit
from clients.freed_memory import keep_freed_memory
from clients.generator import PopulationsGenerator, compile_loops, compile_populations
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.local_ports import PortsExhaustedError
from clients.population_counts import PopulationCounts, PopulationSlice
from clients.population_specs import parse_populations
from clients.protocol_check import ProtocolError, find_server
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds
from clients.raw_rows import answered_rows
from clients.worker_answers import ONLY, answer_close, answer_slice

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
                case {"do": "clock"}:
                    return {"ok": True, "monotonic_ns": time.monotonic_ns()}
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
                answer = self._open(name, {ONLY: LoadSpec(**settings)})
                return answer | {"connected": answer["connected"][ONLY]} if answer["ok"] else answer
            case {"do": "open", "populations": list(populations)}:
                return self._open(name, parse_populations(populations))
            case {"do": "warm", "seconds": seconds}:
                warmed = self._generators[name].load(seconds, seconds, counted=False)
                return {"ok": True, "elapsed_s": max(slice_.usage.elapsed_s for slice_ in warmed.values())}
            case {"do": "slice", "seconds": _, "warmup_s": _}:
                return self._load(self._generators[name], command)
            case {"do": "raw"}:
                return self._raw(self._generators[name])
            case {"do": "discard"}:
                self._generators[name].discard_last()
                return {"ok": True}
            case {"do": "close"}:
                return self._close(name, command)
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

    def _load(self, generator: PopulationsGenerator, command: dict[str, Any]) -> dict[str, Any]:
        slices = generator.load(
            command["seconds"],
            command["warmup_s"],
            seed=command.get("seed"),
            start_ns=command.get("start_ns"),
            tail_s=command.get("tail_s", 0.0),
        )
        loads = {
            name: PopulationSlice(generator.specs[name], slice_, tuple(generator.populations[name].phase_slices))
            for name, slice_ in slices.items()
        }
        if command.get("as_counts"):
            return {"ok": True, "counts": {name: slice_to_plain(load) for name, load in loads.items()}}
        return answer_slice(loads)

    def _raw(self, generator: PopulationsGenerator) -> dict[str, Any]:
        """Return the replies of the last slice, of all populations."""
        rows: list[list[int]] = []
        for population in generator.populations.values():
            if (last := population.last) is not None:
                start_ns, length_ns = round(last.start_s * 1e9), round(last.duration_s * 1e9)
                rows += answered_rows(population.raw(), start_ns, start_ns + length_ns)
        return {"ok": True, "rows": rows}

    def _close(self, name: str, command: dict[str, Any]) -> dict[str, Any]:
        generator = self._generators.pop(name)
        drops = kernel_counters.drops_since(self._drops.pop(name), _any_spec(generator))
        if drops is not None and command.get("server_drops") is not None:
            drops["server"] = command["server_drops"]
        counts = {name: PopulationCounts.of(population) for name, population in generator.populations.items()}
        generator.close()
        good_clock = kernel_counters.has_good_clock()
        if command.get("as_counts"):
            plain = {name: to_plain(each) for name, each in counts.items()}
            cpus = list(self._threads.cpus)
            return {"ok": True, "counts": plain, "drops": drops, "good_clock": good_clock, "cpus": cpus}
        context = LoadContext(
            baseline_rps=command.get("baseline_rps"), drops=drops, good_clock=good_clock, thresholds=self._thresholds
        )
        return answer_close(counts, self._threads.cpus, context)


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


def run(cpus: Sequence[int], source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> None:
    """Answer commands until the source ends."""
    keep_freed_memory()
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

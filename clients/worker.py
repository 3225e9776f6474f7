"""The generator as bench uses it: one JSON command a line in, one JSON answer a line out.

    {"do": "hello"}                                     -> {"ok": true, "threads", "cpus"}
    {"do": "set_thresholds", "thresholds": {...}}       -> {"ok": true}        (see quality_codes.Thresholds)
    {"do": "verify", "settings": {...}, "concurrent_clients": 1}  -> {"ok": true}
    {"do": "open", "id": ..., "settings": {...}}        -> {"ok": true, "connected"}
    {"do": "warm", "id": ..., "seconds"}                -> {"ok": true}        (load that is not counted)
    {"do": "slice", "id": ..., "seconds", "warmup_s"}   -> {"ok": true, "slice": {...}}
                                                           (with "seed": of the arrivals of an open loop)
    {"do": "discard", "id": ...}                         -> {"ok": true}        (the last slice is not counted)
    {"do": "close", "id": ...}                          -> {"ok": true, "document": {...}, "histograms": {...}}
                                                           (with "baseline_rps": rate of the baseline at this load)

What cannot be done is answered {"ok": false, "error": "..."}; the worker ends when its standard input does.
"""

import gc
import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from clients import kernel
from clients.document import Context, document, missing_of, recorded, sessions_per_s
from clients.histogram import LEAST_BEYOND, Counts, coarse, quantile_ns
from clients.limits import TooManyConnections, allow_descriptors
from clients.ports import NoPorts
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds
from clients.settings import Settings
from clients.target import Slice, Target, compile_loops
from clients.threads import Threads
from clients.verify import NotSpoken, verify
from clients.windows import finite

# OverflowError, and what else is arithmetic: no value in a command may end the generator of all the others.
_CANNOT_BE = (NotSpoken, NoPorts, TooManyConnections, OSError, TypeError, ValueError, MemoryError, ArithmeticError)


class Worker:
    """The targets that are open, and the threads that load them."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._threads = Threads(cpus)
        self._targets: dict[str, Target] = {}
        self._thresholds = DEFAULT_THRESHOLDS
        self._drops: dict[str, dict[str, int] | None] = {}  # datagrams that the kernel had dropped before each was used

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command."""
        try:
            match command:
                case {"do": "hello"}:
                    return {"ok": True, "cpus": list(self._threads.cpus), "threads": len(self._threads)}
                case {"do": "set_thresholds", "thresholds": dict(changes)}:
                    self._thresholds = Thresholds(CATALOGUE, changes)
                    return {"ok": True}
                case {"do": "verify", "settings": dict(settings)}:
                    return self._verify(Settings(**settings), command.get("concurrent_clients", 1))
                case {"id": str(name)}:
                    return self._answer_on(name, command)
        except _CANNOT_BE as error:
            return {"ok": False, "error": str(error) or type(error).__name__}
        except KeyError as error:
            return {"ok": False, "error": f"no target {error} is open"}
        return _unknown(command)

    def _answer_on(self, name: str, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out a command on one target."""
        match command:
            case {"do": "open", "settings": dict(settings)}:
                return self._open(name, Settings(**settings))
            case {"do": "warm", "seconds": seconds}:
                self._targets[name].load(seconds, seconds, counted=False)
                return {"ok": True}
            case {"do": "slice", "seconds": seconds, "warmup_s": warmup_s}:
                target = self._targets[name]
                slice_ = target.load(seconds, warmup_s, seed=command.get("seed"))
                return {"ok": True, "slice": figures(target.settings, slice_)}
            case {"do": "discard"}:
                self._targets[name].forget()
                return {"ok": True}
            case {"do": "close"}:
                return self._close(name, command.get("baseline_rps"))
        return _unknown(command)

    def close(self) -> None:
        """Close all that is open."""
        for target in self._targets.values():
            target.close()
        self._threads.close()

    def _verify(self, settings: Settings, together: int) -> dict[str, Any]:
        one = settings
        message = np.random.default_rng(one.seed).bytes(one.message_bytes)
        verify(one.transport, one.host, one.port, one.protocol, message, one.timeout_s, together)
        return {"ok": True}

    def _open(self, name: str, settings: Settings) -> dict[str, Any]:
        already = sum(target.settings.connections for target in self._targets.values())
        allow_descriptors(already + settings.connections + len(self._threads) * (len(self._targets) + 1))
        target = Target(settings, self._threads)
        self._targets[name] = target
        standing = target.open()
        self._drops[name] = kernel.drops(settings)
        return {"ok": True, "connected": standing}

    def _close(self, name: str, baseline_rps: float | None) -> dict[str, Any]:
        target = self._targets.pop(name)
        drops = kernel.drops_since(self._drops.pop(name), target.settings)
        target.close()
        totals = target.totals
        histograms = {
            name: coarse(counts) for name, counts in recorded(target.settings, totals).items() if counts.any()
        }
        context = Context(
            baseline_rps=baseline_rps, drops=drops, good_clock=kernel.has_good_clock(), thresholds=self._thresholds
        )
        result = document(target.settings, totals, target.served(), self._threads.cpus, context)
        return {"ok": True, "document": result, "histograms": histograms}


def _unknown(command: dict[str, Any]) -> dict[str, Any]:
    return {"ok": False, "error": f"not a command: {json.dumps(command)[:200]}"}


def figures(settings: Settings, slice_: Slice) -> dict[str, Any]:
    """What bench wants to know of one slice.

    A request given up is lost for its slice; its reply is counted late in the slice in which it comes.
    """
    found, missing = recorded(settings, slice_), missing_of(settings, slice_)
    percentiles = {
        f"{name}_{words}_us": _quantile_us(found[name], quantile, missing[name]) if name in found else None
        for name in ("service", "latency")
        for words, quantile in (("p50", 0.5), ("p99", 0.99))
    }
    return {
        "start_s": slice_.start_s,
        "duration_s": slice_.duration_s,
        "elapsed_s": slice_.elapsed_s,
        "scheduled": slice_.tally["scheduled"] if settings.open_loop else None,
        "sent": slice_.tally["sent"],
        "unsent": slice_.tally["unsent"],
        "replies": slice_.tally["replies"],
        "answered": slice_.tally["ok"],
        "sessions": slice_.tally["sessions"],
        "sessions_per_s": sessions_per_s(settings, slice_.tally["replies"], slice_.duration_s),
        "late": slice_.tally["late"],
        "lost": slice_.tally["timed_out"] + slice_.tally["broken"],
        "corrupt": slice_.tally["corrupt"],
        **percentiles,
        "generator_cpu_us": slice_.cpu_s * 1e6,
        "generator_cpu_share": slice_.cpu_share,
        "run_delay_share": slice_.stolen_s / slice_.elapsed_s if slice_.elapsed_s else 0.0,
        "involuntary_switches": slice_.involuntary_switches,
    }


def _quantile_us(counts: Counts, quantile: float, missing: int) -> float | str | None:
    """A percentile, if ten requests lie beyond it; "inf" if it is one that took for ever."""
    if (int(counts.sum()) + missing) * (1 - quantile) < LEAST_BEYOND:
        return None
    return finite(quantile_ns(counts, quantile, missing) / 1e3)


def run(cpus: Sequence[int], source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> None:
    """Answer commands until the source ends."""
    compile_s = compile_loops()
    gc.disable()  # every object here is small and short-lived; a collection would fall into somebody's slice
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

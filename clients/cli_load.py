"""Load one server from the command line and say what it did."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from clients import kernel_counters
from clients.cli_errors import Stop
from clients.engine.histogram_slots import Counts
from clients.engine.raw_memory import Array
from clients.engine.threads import Threads
from clients.fd_limit import TooManyConnections, allow_descriptors
from clients.generator import LoadGenerator, compile_loops
from clients.load_spec import LARGEST_WEIGHT, LoadSpec
from clients.local_ports import NoPorts
from clients.measurement import Slice
from clients.protocol_check import NotSpoken, verify
from clients.protocols import LARGEST_MESSAGE_BYTES, TRANSPORTS
from clients.result_document import Context, document

WINDOWS = 20  # equal parts of a load, each with its own figures


def parse_url(url: str) -> tuple[str, str, int]:
    """Split tcp://HOST:PORT or udp://HOST:PORT. HOST is a numeric address or localhost. Raises Stop."""
    wrong = Stop(f"{url!r} is not the address of a server; write tcp://HOST:PORT or udp://HOST:PORT")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in TRANSPORTS or not parts.hostname or not port:
        raise wrong
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return parts.scheme, host, port


def parse_mix(text: str) -> tuple[tuple[int, float], ...]:
    """Turn 64 or 64:9,1024:1 into message sizes with their weights. Raises Stop."""
    try:
        pairs = [part.partition(":") for part in text.split(",")]
        mix = tuple((int(size), float(weight) if colon else 1.0) for size, colon, weight in pairs)
    except ValueError:
        mix = ()
    if not mix or not all(1 <= size <= LARGEST_MESSAGE_BYTES for size, _ in mix):
        raise Stop(f"--message-bytes {text!r}: write a size from 1 to {LARGEST_MESSAGE_BYTES}, or sizes as 64:9,1024:1")
    if not all(1 / LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT for _, weight in mix):
        raise Stop(f"--message-bytes {text!r}: write weights up to {LARGEST_WEIGHT:g}, as 64:9,1024:1")
    return mix


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load brought."""

    document: dict[str, Any]
    headline: Counts  # latency of an open loop, else service time; shape (SLOTS,)
    raw: Array  # see clients.engine.thread_state.RAW
    start_s: float  # of the window, CLOCK_MONOTONIC


def load(
    settings: LoadSpec, cpus: Sequence[int], seconds: float, warmup_s: float, tell: Callable[[str], None]
) -> Outcome:
    """Load a server. Raises Stop if it cannot be done at all.

    tell: is told when the load has begun. From then on Ctrl-C ends it early; what was measured by then is the result.
    """
    try:
        allow_descriptors(settings.connections)
        compile_loops()
        message = np.random.default_rng(settings.seed).bytes(max(settings.sizes))
        verify(settings.transport, settings.host, settings.port, settings.protocol, message, settings.timeout_s)
    except (NotSpoken, TooManyConnections) as error:
        raise Stop(str(error), 1) from error
    threads = Threads(cpus)
    try:
        with LoadGenerator(settings, threads) as target:
            standing = target.open()
            if settings.lifecycle == "persistent" and not standing:
                raise Stop(f"none of {settings.connections} connections to the server could be opened", 1)
            drops, (stolen, total) = kernel_counters.drops(settings), kernel_counters.stolen_ticks(threads.cpus)
            slice_ = _load_until_stopped(target, seconds + warmup_s, warmup_s, tell)
            stolen_now, total_now = kernel_counters.stolen_ticks(threads.cpus)
            context = Context(
                warmup_s=warmup_s,
                parts=slice_,
                drops=kernel_counters.drops_since(drops, settings),
                steal_share=(stolen_now - stolen) / (total_now - total) if total_now > total else None,
                good_clock=kernel_counters.has_good_clock(),
            )
            result = document(settings, target.totals, target.served(), threads.cpus, context)
            return Outcome(result, target.totals.headline, target.raw(), slice_.start_s)
    except (MemoryError, NoPorts) as error:
        raise Stop(str(error)) from error
    finally:
        threads.close()


def _load_until_stopped(target: LoadGenerator, seconds: float, warmup_s: float, tell: Callable[[str], None]) -> Slice:
    """Load in another thread: the compiled loop would not see Ctrl-C in this one."""
    end = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(target.load, seconds, warmup_s)
        try:
            tell(f"under load until {end}; Ctrl-C ends it early")
            return loading.result()
        except KeyboardInterrupt:
            target.stop()
            return loading.result()


def describe(result: dict[str, Any]) -> str:
    """The result in words and columns, for the terminal."""
    ledger = result["ledger"]
    lines = [
        f"{result['target']}  {load_in_words(result)}",
        f"throughput   {_number(result['throughput_rps'])} requests/s",
    ]
    if result["sessions_per_s"] is not None:
        lines.append(f"sessions     {_number(result['sessions_per_s'])} sessions/s")
    for name, quantity in (("latency", "latency_us"), ("service time", "service_us"), ("lateness", "lateness_us")):
        if result[quantity] is not None:
            lines.append(f"{name:12s} {_percentiles(result[quantity])}")
    counts = dict(ledger) | ({"unsent": result["unsent"]} if result["unsent"] else {})
    lines.append(
        "requests     " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count or kind == "ok")
    )
    if result["kernel_drops"] and any(result["kernel_drops"].values()):
        places = ", ".join(f"{count} at the {place}" for place, count in result["kernel_drops"].items() if count)
        lines.append(f"dropped      {places}: datagrams for which a socket buffer had no room")
    if result["errors"]:
        lines.append("errors       " + ", ".join(f"{count} {kind}" for kind, count in result["errors"].items()))
    fairness = result["fairness"]
    if fairness and fairness["starved"] and result["loop"] == "closed":
        lines.append(f"starved      {fairness['starved']} of {result['connections']} connections got no reply")
    verdict = result["verdict"]
    lines.append(f"verdict      {verdict['status']} {' '.join(verdict['codes'])}".rstrip())
    lines.append(f"generator    {result['generator']['cpu_share']:.0%} of its busiest thread")
    return "\n".join(lines)


def load_in_words(result: dict[str, Any]) -> str:
    """What load it was."""
    loop = "closed loop" if result["rate_rps"] is None else f"open loop, {result['rate_rps']:,.0f} requests/s due"
    arrivals = f" ({result['arrivals']})" if result["arrivals"] else ""
    depth = f", depth {result['depth']}" if result["depth"] > 1 else ""
    return (
        f"{result['protocol']}, {loop}{arrivals}, {result['connections']} connections{depth}, "
        f"{result['lifecycle']}, {result['duration_s']:.2f} s"
    )


def _percentiles(figures: dict[str, float | str | None]) -> str:
    names = ("p50", "p90", "p99", "p99_9", "max")
    shown = [(name, figures[name]) for name in names if figures[name] is not None]
    return "   ".join(f"{name.replace('_', '.')} {_number(value)} us" for name, value in shown)


def _number(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str) or math.isinf(value):
        return "inf"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

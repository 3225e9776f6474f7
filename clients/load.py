"""Load one server from the command line and say what it did."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from clients.console import Stop
from clients.document import document
from clients.limits import TooManyConnections, allow_descriptors
from clients.protocols import TRANSPORTS
from clients.target import Settings, Slice, Target, Threads, compile_loops
from clients.verify import NotSpoken, verify

WINDOWS = 20  # equal parts of a load, each with its own figures


def parse_url(url: str) -> tuple[str, str, int]:
    """Split tcp://HOST:PORT or udp://HOST:PORT. HOST is a numeric address or localhost. Raises Stop."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in TRANSPORTS or not parts.hostname or not port:
        raise Stop(f"{url!r} is not the address of a server; write tcp://HOST:PORT or udp://HOST:PORT")
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return parts.scheme, host, port


def load(
    settings: Settings, cpus: Sequence[int], seconds: float, warmup_s: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Load a server and return the result document. Raises Stop if it cannot be done at all.

    tell: is told when the load has begun. From then on Ctrl-C ends it early; what was measured by then is the result.
    """
    try:
        allow_descriptors(settings.connections)
        compile_loops()
        message = np.random.default_rng(settings.seed).bytes(settings.message_bytes)
        verify(settings.transport, settings.host, settings.port, settings.protocol, message, settings.timeout_s)
    except (NotSpoken, TooManyConnections) as error:
        raise Stop(str(error), 1) from error
    threads = Threads(cpus)
    try:
        with Target(settings, threads) as target:
            standing = target.open()
            if settings.lifecycle == "persistent" and not standing:
                raise Stop(f"none of {settings.connections} connections to the server could be opened", 1)
            slice_ = _load_until_stopped(target, seconds + warmup_s, warmup_s, tell)
            return document(settings, target.totals, target.served(), slice_, warmup_s, threads.cpus)
    finally:
        threads.close()


def _load_until_stopped(target: Target, seconds: float, warmup_s: float, tell: Callable[[str], None]) -> Slice:
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
    service, ledger = result["service_us"], result["ledger"]
    lines = [
        f"{result['target']}  {load_in_words(result)}",
        f"throughput   {_number(result['throughput_rps'])} requests/s",
    ]
    if result["sessions_per_s"] is not None:
        lines.append(f"sessions     {_number(result['sessions_per_s'])} sessions/s")
    shown = [(name, service[name]) for name in ("p50", "p90", "p99", "p99_9", "max") if service[name] is not None]
    lines.append("service time " + "   ".join(f"{name.replace('_', '.')} {_number(value)} us" for name, value in shown))
    lines.append(
        "requests     " + ", ".join(f"{count} {kind}" for kind, count in ledger.items() if count or kind == "ok")
    )
    if result["errors"]:
        lines.append("errors       " + ", ".join(f"{count} {kind}" for kind, count in result["errors"].items()))
    fairness = result["fairness"]
    if fairness and fairness["starved"]:
        lines.append(f"starved      {fairness['starved']} of {result['connections']} connections got no reply")
    verdict = result["verdict"]
    lines.append(f"verdict      {verdict['status']} {' '.join(verdict['codes'])}".rstrip())
    lines.append(f"generator    {result['generator']['cpu_share']:.0%} of its busiest thread")
    return "\n".join(lines)


def load_in_words(result: dict[str, Any]) -> str:
    """What load it was."""
    return (
        f"{result['protocol']}, closed loop, {result['connections']} connections, "
        f"{result['lifecycle']}, {result['duration_s']:.2f} s"
    )


def _number(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str) or math.isinf(value):
        return "inf"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

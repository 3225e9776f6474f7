"""Load one server from the command line."""

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from clients import kernel_counters
from clients.addresses import resolve
from clients.cli_errors import Stop
from clients.engine.histogram_slots import Counts
from clients.engine.raw_memory import Array
from clients.engine.threads import Threads
from clients.fd_limit import TooManyConnectionsError, raise_fd_limit
from clients.generator import LoadGenerator, PopulationsGenerator, compile_loops, compile_populations
from clients.heat_map_file import LoadOverTime
from clients.latency_windows import MAX_WINDOWS
from clients.load_context import LoadContext
from clients.load_spec import MAX_WEIGHT, LoadSpec, check_duration
from clients.local_ports import PortsExhaustedError
from clients.protocol_check import ProtocolError, UnreachableError, find_server
from clients.protocols import MAX_MESSAGE_BYTES, TRANSPORTS
from clients.result_document import make_document
from clients.server_presence import still_listens
from clients.window_counts import latency_windows, merge_parts

WINDOWS = 20  # equal parts of a load, each with its own figures
PARTS_OF_WINDOW = MAX_WINDOWS // WINDOWS  # of a heat map, which shows shorter ones
_OPTIONS = {
    "burst_on_s": "--burst-on",
    "burst_period_s": "--burst-period",
    "depth": "--depth",
    "retries": "--retries",
    "message_bytes": "--message-bytes",
    "rate_rps": "--rate",
    "seconds": "--seconds",
    "think_s": "--think",
    "timeout_s": "--timeout",
    "trickle_s": "--trickle",
    "warmup_s": "--warmup",
}
_FIELD_AND_NUMBER = re.compile(rf"\b({'|'.join(_OPTIONS)})(?= (?:-?[\d.]|nan|inf))")


def parse_url(url: str) -> tuple[str, str, int]:
    """Split tcp://HOST:PORT or udp://HOST:PORT.

    HOST is a name or a numeric address; one of IPv6 is in brackets. Raises Stop.
    """
    invalid = Stop(
        f"{url!r} is not the address of a server; use tcp://HOST:PORT or udp://HOST:PORT, for IPv6 tcp://[ADDRESS]:PORT"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise invalid from error
    if parts.scheme not in TRANSPORTS or not parts.hostname or not port:
        raise invalid
    return parts.scheme, parts.hostname, port


def parse_mix(text: str) -> tuple[tuple[int, float], ...]:
    """Parse `64` or `64:9,1024:1` into message sizes with their weights. Raises Stop."""
    try:
        pairs = [part.partition(":") for part in text.split(",")]
        mix = tuple((int(size), float(weight) if colon else 1.0) for size, colon, weight in pairs)
    except ValueError:
        mix = ()
    if not mix or not all(1 <= size <= MAX_MESSAGE_BYTES for size, _ in mix):
        raise Stop(
            f"--message-bytes {text!r}: expected a size from 1 to {MAX_MESSAGE_BYTES}, or sizes with weights, "
            "e.g. 64:9,1024:1"
        )
    if not all(1 / MAX_WEIGHT <= weight <= MAX_WEIGHT for _, weight in mix):
        raise Stop(f"--message-bytes {text!r}: weights must be positive and at most {MAX_WEIGHT:g}, e.g. 64:9,1024:1")
    return mix


def parse_work_mix(text: str) -> tuple[tuple[int, int, float], ...]:
    """Parse `0:0:99,5:2000:1` (wait in ms, compute units, weight) into kinds of work. Raises Stop."""
    try:
        works = [part.split(":") for part in text.split(",")] if text else []
        return tuple((round(float(wait_ms) * 1e3), int(units), float(weight)) for wait_ms, units, weight in works)
    except (ValueError, OverflowError) as error:
        raise Stop(
            f"--work-mix {text!r}: expected WAIT_MS:UNITS:WEIGHT, several with commas, e.g. 0:0:99,5:0:1"
        ) from error


def make_spec(
    url: str, lengths_s: tuple[float, float], sizes: str, works: str, **settings: Any
) -> tuple[LoadSpec, str]:
    """Return the load of a command line, and the server's host as it was given. Raises Stop.

    lengths_s: of the load with its warm-up, and of the warm-up. sizes, works: texts of --message-bytes and --work-mix.
    """
    transport, host, port = parse_url(url)
    mix, work_mix = parse_mix(sizes), parse_work_mix(works)
    try:
        check_duration(*lengths_s)
        return LoadSpec(
            transport=transport,
            host=resolve(host)[0],
            port=port,
            message_bytes=max(size for size, _ in mix),
            mix=mix if len(mix) > 1 else (),
            work_mix=work_mix,
            **{"parts": WINDOWS} | settings,
        ), host
    except ValueError as error:
        raise Stop(name_options(str(error))) from error


def name_options(message: str) -> str:
    """Return an error of LoadSpec with options instead of its fields: ``--think 1`` for ``think_s 1``."""
    return _FIELD_AND_NUMBER.sub(lambda match: _OPTIONS[match[1]], message)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a load."""

    document: dict[str, Any]
    primary: Counts  # latency of an open loop, else service time; shape (SLOTS,)
    raw: Array  # see clients.engine.records.RAW
    start_s: float  # of the window, CLOCK_MONOTONIC
    over_time: LoadOverTime  # the latencies of a heat map


def run_load(
    spec: LoadSpec, host: str, cpus: Sequence[int], seconds: float, warmup_s: float, report: Callable[[str], None]
) -> LoadResult:
    """Load a server. Raises Stop if that is impossible.

    host: name or address of the server; the first of its addresses on which one listens replaces that of ``spec``.
    report: called with a line when the load has begun. From then on Ctrl-C ends the load early, and the result is what
    was measured until then.
    """
    spec = _prepare(spec, host)
    threads = Threads(cpus)
    try:
        with LoadGenerator(spec, threads) as generator:
            connected = generator.open()
            if spec.lifecycle == "persistent" and not connected:
                raise Stop(f"none of {spec.connections} connections to the server could be opened", 1)
            drops, steal = kernel_counters.drops(spec), kernel_counters.steal_ticks(threads.cpus)
            load_until_stopped(generator, seconds + warmup_s, warmup_s, report)
            whole_load = generator.population.last
            assert whole_load is not None
            context = LoadContext(
                warmup_s=warmup_s,
                whole_load=merge_parts(whole_load, spec.parts // WINDOWS),
                steal_share=kernel_counters.steal_share_since(steal, threads.cpus),
                drops=kernel_counters.drops_since(drops, spec),
                good_clock=kernel_counters.has_good_clock(),
                server_listens=still_listens(spec),
            )
            totals = generator.totals
            document = make_document(spec, totals, generator.served(), threads.cpus, context)
            over_time = LoadOverTime(latency_windows(whole_load), spec.open_loop)
            return LoadResult(document, totals.primary, generator.raw(), whole_load.start_s, over_time)
    except (MemoryError, PortsExhaustedError) as error:
        raise Stop(str(error)) from error
    finally:
        threads.close()


def _prepare(spec: LoadSpec, host: str) -> LoadSpec:
    """Raise the limit on open files, compile, and check the server's replies.

    Returns the load on the address of the server. Raises Stop.
    """
    try:
        raise_fd_limit(spec.connections)
        if spec.is_plain:
            compile_loops()
        else:
            compile_populations()
        message = np.random.default_rng(spec.seed).bytes(max(spec.sizes))
        return find_server(spec, host, message)
    except (UnreachableError, TooManyConnectionsError) as error:
        raise Stop(str(error)) from error
    except ProtocolError as error:
        raise Stop(str(error), 1) from error


def load_until_stopped(
    generator: LoadGenerator | PopulationsGenerator, seconds: float, warmup_s: float, report: Callable[[str], None]
) -> None:
    """Load in another thread, where Ctrl-C ends it early: in this one the compiled loop would not notice it."""
    end = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(generator.load, seconds, warmup_s)
        try:
            report(f"under load until {end}; press Ctrl-C to stop early")  # the self-test waits for this line
            loading.result()
        except KeyboardInterrupt:
            generator.stop()
            loading.result()

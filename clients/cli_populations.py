"""Load one server with several populations of clients from the command line."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clients import kernel_counters
from clients.addresses import resolve
from clients.cli_errors import Stop
from clients.cli_load import load_until_stopped, parse_url
from clients.engine.raw_memory import Array
from clients.engine.threads import Threads
from clients.fd_limit import TooManyConnectionsError, raise_fd_limit
from clients.generator import PopulationsGenerator, compile_populations
from clients.heat_map_file import LoadOverTime
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.local_ports import PortsExhaustedError
from clients.population_counts import PopulationCounts
from clients.population_document import make_documents
from clients.population_specs import parse_populations
from clients.protocol_check import ProtocolError, UnreachableError, find_server
from clients.server_presence import still_listens
from clients.window_counts import latency_windows


@dataclass(frozen=True, slots=True)
class PopulationsResult:
    """The result of a load with several populations."""

    documents: dict[str, dict[str, Any]]  # of each population, by name
    raw: Array  # of all: see clients.engine.records.RAW
    over_time: dict[str, LoadOverTime]  # latencies of each population, by name


def read_populations(file: Path, url: str, *, seed: int, spin: bool, raw_rows: int, parts: int) -> dict[str, LoadSpec]:
    """Return the populations in a JSON file, which load the server of ``url``. Raises Stop.

    parts: windows of a load without phases, whose latencies are counted apart.
    """
    transport, host, port = parse_url(url)
    server = {"transport": transport, "host": resolve(host)[0], "port": port}
    shared: dict[str, Any] = {**server, "seed": seed, "spin": spin, "raw_rows": raw_rows, "parts": parts}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, list):
            raise ValueError("expected a list of populations, each with name and settings")
        specs = parse_populations(content, shared)
    except OSError as error:
        raise Stop(f"--populations {file}: {error.strerror or error}") from error
    except ValueError as error:  # includes errors of JSON and of its encoding
        raise Stop(f"--populations {file}: {error}") from error
    for name, spec in specs.items():
        if {key: getattr(spec, key) for key in server} != server:
            raise Stop(f"--populations {file}: population {name!r} has a server of its own; all load {url}")
    return specs


def run_populations(
    specs: dict[str, LoadSpec], cpus: Sequence[int], seconds: float, warmup_s: float, report: Callable[[str], None]
) -> PopulationsResult:
    """Load a server. Raises Stop if that is impossible.

    report: called with a line when the load has begun; from then on Ctrl-C ends it early.
    """
    specs = _prepare(specs, len(cpus) or 1)
    threads = Threads(cpus)
    try:
        with PopulationsGenerator(specs, threads) as generator:
            opened = generator.open()
            for name, spec in specs.items():
                if not spec.in_sessions and not opened[name]:
                    raise Stop(f"population {name!r}: none of {spec.connections} connections could be opened", 1)
            first = next(iter(specs.values()))
            drops, steal = kernel_counters.drops(first), kernel_counters.steal_ticks(threads.cpus)
            load_until_stopped(generator, seconds + warmup_s, warmup_s, report)
            context = LoadContext(
                warmup_s=warmup_s,
                steal_share=kernel_counters.steal_share_since(steal, threads.cpus),
                drops=kernel_counters.drops_since(drops, first),
                good_clock=kernel_counters.has_good_clock(),
                server_listens=still_listens(first),
            )
            raw = np.concatenate([population.raw() for population in generator.populations.values()])
            over_time = {
                name: LoadOverTime(latency_windows(population.last), spec.open_loop, spec.phases)
                for (name, population), spec in zip(
                    generator.populations.items(), generator.specs.values(), strict=True
                )
                if population.last is not None
            }
            counts = {name: PopulationCounts.of(population) for name, population in generator.populations.items()}
            return PopulationsResult(make_documents(counts, threads.cpus, context), raw, over_time)
    except (MemoryError, PortsExhaustedError, ValueError) as error:
        raise Stop(str(error)) from error
    finally:
        threads.close()


def _prepare(specs: dict[str, LoadSpec], threads: int) -> dict[str, LoadSpec]:
    """Raise the limit on open files, compile, and check the server's replies to one population. Raises Stop."""
    try:
        raise_fd_limit(sum(spec.connections for spec in specs.values()) + threads)
        compile_populations()
        talking = next((spec for spec in specs.values() if spec.behaviour == "normal"), next(iter(specs.values())))
        message = np.random.default_rng(talking.seed).bytes(max(talking.sizes))
        found = find_server(talking, talking.host, message)
    except (UnreachableError, TooManyConnectionsError) as error:
        raise Stop(str(error)) from error
    except ProtocolError as error:
        raise Stop(str(error), 1) from error
    return {name: replace(spec, host=found.host) for name, spec in specs.items()}

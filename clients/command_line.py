"""The command line of ``python -m clients``: load a server, talk to one, or run as bench's generator."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clients import cli_errors
from clients import cli_options as options
from clients.cli_errors import Stop

_WITH_POPULATIONS = {
    "url",
    "populations",
    "seconds",
    "warmup",
    "cpus",
    "seed",
    "json_file",
    "raw",
    "raw_rows",
    "heat_map",
}

if TYPE_CHECKING:  # numba makes the start slower
    from clients.cli_load import LoadResult
    from clients.heat_map_file import Loads

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Clients for the protocols echo, hola and work.\n\nExample: python -m clients talk 127.0.0.1 8000\n\n"
    "Exit codes: 0 success; 1 the server answered wrongly, or a file cannot be written; "
    "2 wrong input, or nobody listens at the address; 130 interrupted.",
)


@app.command()
def talk(
    host: options.Host, port: options.Port, transport: options.Transport = "tcp", wait: options.Wait = 2.0
) -> None:
    """Talk to a server as the tutorial's client.

    Sends hola, prints the reply, waits, sends adios and prints the reply.

    Example: python -m clients talk 127.0.0.1 8000
    """
    from clients.talk import ConversationError, NobodyListensError, talk

    try:
        for reply in talk(host, port, transport, wait):
            print(reply, flush=True)
    except (ValueError, NobodyListensError) as error:
        raise Stop(str(error)) from error
    except ConversationError as error:
        raise Stop(str(error), 1) from error


@app.command()
def load(
    context: typer.Context,
    url: options.Url,
    protocol: options.Protocol = "echo",
    connections: options.Connections = 1,
    message_bytes: options.MessageBytes = "64",
    wait_ms: options.WaitMs = 0.0,
    compute_units: options.ComputeUnits = 0,
    compute_kind: options.ComputeKind = "lock",
    work_mix: options.WorkMix = "",
    depth: options.Depth = 1,
    behaviour: options.Behaviour = "normal",
    trickle: options.Trickle = 0.1,
    retries: options.Retries = 0,
    populations: options.Populations = "",
    lifecycle: options.Lifecycle = "persistent",
    requests_per_session: options.RequestsPerSession = 10,
    rate: options.Rate = 0.0,
    arrivals: options.Arrivals = "poisson",
    burst_on: options.BurstOn = 0.02,
    burst_period: options.BurstPeriod = 0.1,
    think: options.Think = 0.0,
    seconds: options.Seconds = 5.0,
    warmup: options.Warmup = 0.5,
    timeout: options.Timeout = 1.0,
    cpus: options.Cpus = "",
    seed: options.Seed = 0,
    json_file: options.JsonFile = "",
    raw: options.Raw = "",
    raw_rows: options.RawRows = 5_000_000,
    hdr: options.Hdr = "",
    heat_map: options.HeatMap = "",
) -> None:
    """Load a server and print what was measured.

    Without --rate the loop is closed: each connection sends its next request when the reply has arrived. With --rate
    the loop is open: requests are sent on a schedule that follows from the seed, and latency is measured from the
    intended send time. If the server ends during the load, the result shows it, and the exit code is 0.

    Examples of use:

      python -m clients load udp://127.0.0.1:8000 --rate 2000 --seconds 10

      python -m clients load tcp://127.0.0.1:8000 --populations quiet-and-greedy.json
    """
    from clients.cli_load import PARTS_OF_WINDOW, WINDOWS, make_spec, run_load

    _check_suffixes(raw, heat_map)
    if populations:
        _load_populations(context, url, populations, parse_cpus(cpus))
        return
    pinned = parse_cpus(cpus)
    spec, host = make_spec(
        url,
        (seconds + warmup, warmup),
        message_bytes,
        work_mix,
        protocol=protocol,
        lifecycle=lifecycle,
        connections=connections,
        wait_us=round(wait_ms * 1e3),
        compute_units=compute_units,
        compute_kind=compute_kind,
        behaviour=behaviour,
        trickle_s=trickle,
        retries=retries,
        requests_per_session=requests_per_session,
        depth=depth,
        timeout_s=timeout,
        think_s=think,
        rate_rps=rate,
        arrivals=arrivals,
        burst_on_s=burst_on,
        burst_period_s=burst_period,
        seed=seed,
        spin=bool(pinned),
        raw_rows=raw_rows if raw else 0,
        parts=WINDOWS * PARTS_OF_WINDOW if heat_map else WINDOWS,
    )
    _write_result(run_load(spec, host, pinned, seconds, warmup, _report), json_file, raw, hdr, heat_map)


def _check_suffixes(raw: str, heat_map: str) -> None:
    """Raise Stop for the name of a file that would have an unknown format."""
    from clients.heat_map_file import SUFFIXES

    for option, name, suffixes in (("--raw", raw, (".npy", ".csv")), ("--heat-map", heat_map, SUFFIXES)):
        if name and Path(name).suffix not in suffixes:
            *others, last = suffixes
            raise Stop(f"{option} {name}: the name must end in {', '.join(others)} or {last}")


def _load_populations(context: typer.Context, url: str, file: str, pinned: tuple[int, ...]) -> None:
    """Load a server with the populations of a file. The context has the other options."""
    from clients.cli_populations import read_populations, run_populations
    from clients.export import write_raw
    from clients.latency_windows import MAX_WINDOWS
    from clients.load_description import describe_populations
    from clients.population_specs import phases_length_s

    given = context.params
    others = [name for name in given if is_given(context, name) and name not in _WITH_POPULATIONS]
    if others:
        option = "--" + others[0].replace("_", "-")
        raise Stop(f"{option} and --populations {file} contradict each other; write the setting into the file")
    raw_rows = given["raw_rows"] if given["raw"] else 0
    parts = MAX_WINDOWS if given["heat_map"] else 1
    specs = read_populations(Path(file), url, seed=given["seed"], spin=bool(pinned), raw_rows=raw_rows, parts=parts)
    phases_s = phases_length_s(specs)
    if phases_s and is_given(context, "seconds"):
        both = f"--seconds {given['seconds']:g} and --populations {file}, whose phases last {phases_s:g} s"
        raise Stop(f"{both}, contradict each other; remove --seconds")
    result = run_populations(specs, pinned, phases_s or given["seconds"], given["warmup"], _report)
    text = json.dumps({"populations": result.documents}, indent=2)
    print(text if given["json_file"] == "-" else describe_populations(result.documents))
    if given["raw"]:
        _write("--raw", given["raw"], lambda path: write_raw(path, result.raw))
    if given["heat_map"]:
        _write_heat_map(given["heat_map"], result.over_time, url)
    if given["json_file"] not in ("", "-"):
        _write("--json", given["json_file"], lambda path: path.write_text(text + "\n"))


def is_given(context: typer.Context, name: str) -> bool:
    """Return whether an option is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write_result(result: "LoadResult", json_file: str, raw: str, hdr: str, heat_map: str) -> None:
    from clients.export import write_hdr_log, write_raw
    from clients.load_description import describe

    text = json.dumps(result.document, indent=2)
    print(text if json_file == "-" else describe(result.document))
    if raw:
        _write("--raw", raw, lambda path: write_raw(path, result.raw))
    if hdr:
        _write("--hdr", hdr, lambda path: write_hdr_log(path, result))
    if heat_map:
        _write_heat_map(heat_map, {"": result.over_time}, result.document["target"])
    if json_file not in ("", "-"):
        _write("--json", json_file, lambda path: path.write_text(text + "\n"))


def _write_heat_map(name: str, loads: "Loads", url: str) -> None:
    from clients.heat_map_file import write_heat_map

    _write("--heat-map", name, lambda path: write_heat_map(path, loads, f"Latency over time of {url}"))


def _write(option: str, name: str, write: Callable[[Path], object]) -> None:
    try:
        write(Path(name))
    except OSError as error:
        raise Stop(f"{option} {name}: {error.strerror or error}; the result is printed above", 1) from error


@app.command()
def worker(cpus: options.WorkerCpus = "") -> None:
    """Run as the load generator of holabench (internal).

    Reads one JSON command per line from stdin and writes one JSON answer per line to stdout.

    Example: echo '{"do": "hello"}' | python -m clients worker
    """
    from clients.worker import run

    run(parse_cpus(cpus))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Parse `1,2` into CPU numbers.

    Raises Stop for a CPU that this process may not use.
    """
    allowed = os.sched_getaffinity(0)
    try:
        cpus = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise Stop(f"--cpus {text!r} is not a list of CPU numbers; expected e.g. 1,2") from error
    for cpu in cpus:
        if cpus.count(cpu) > 1:
            raise Stop(f"--cpus {text}: CPU {cpu} is listed twice; each CPU runs one generator thread")
        if cpu not in allowed:
            available = ", ".join(map(str, sorted(allowed)))
            raise Stop(f"--cpus {text}: CPU {cpu} is not available; available CPUs: {available}")
    return cpus


def main() -> int:
    """Run the command line."""
    return cli_errors.run(app, "python -m clients")

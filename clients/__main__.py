"""``python -m clients``: load a server, talk to one, or serve bench as its generator."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from clients import cli_errors
from clients.cli_errors import Stop

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Clients for the echo and hola protocols.\n\nExample: python -m clients talk 127.0.0.1 8000",
)


@app.command()
def talk(
    host: Annotated[str, typer.Argument(help="The server's host.")],
    port: Annotated[int, typer.Argument(min=1, max=65535, help="The server's port.")],
    transport: Annotated[Literal["tcp", "udp"], typer.Option(help="How to reach it.")] = "tcp",
    wait: Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds between hola and adios.")] = 2.0,
) -> None:
    """Say hola, print the reply, wait, say adios, print the reply: the tutorial's client.

    Example: python -m clients talk 127.0.0.1 8000
    """
    from clients.talk import NoAnswer, talk

    try:
        for reply in talk(host, port, transport, wait):
            print(reply, flush=True)
    except NoAnswer as error:
        raise Stop(str(error), 1) from error
    except ValueError as error:
        raise Stop(str(error)) from error


@app.command()
def load(
    url: Annotated[str, typer.Argument(help="tcp://HOST:PORT or udp://HOST:PORT")],
    protocol: Annotated[Literal["echo", "hola"], typer.Option(help="What the server speaks.")] = "echo",
    connections: Annotated[int, typer.Option(min=1, max=1_000_000, help="Clients at the same time.")] = 1,
    message_bytes: Annotated[
        str, typer.Option(help="Size of an echo message; or several with their weights, as 64:9,1024:1.")
    ] = "64",
    depth: Annotated[int, typer.Option(min=1, max=65536, help="Requests in flight on a connection at most.")] = 1,
    lifecycle: Annotated[
        Literal["persistent", "session", "per_request"],
        typer.Option(help="Connections stay; or connect, ask K requests and close; or one request each."),
    ] = "persistent",
    requests_per_session: Annotated[int, typer.Option(min=1, max=10**9, help="K; hola says adios after them.")] = 10,
    rate: Annotated[
        float, typer.Option(min=0.0, max=1e8, help="Requests a second over all connections, whatever the server does.")
    ] = 0.0,
    arrivals: Annotated[
        Literal["poisson", "constant", "burst"], typer.Option(help="How the requests of a rate follow each other.")
    ] = "poisson",
    burst_on: Annotated[float, typer.Option(min=1e-6, max=3600.0, help="Bursts: seconds that one lasts.")] = 0.02,
    burst_period: Annotated[
        float, typer.Option(min=1e-6, max=3600.0, help="Bursts: seconds from one to the next.")
    ] = 0.1,
    think: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Without a rate: seconds between a reply and a request.")
    ] = 0.0,
    seconds: Annotated[float, typer.Option(min=0.001, max=86400.0, help="How long to measure.")] = 5.0,
    warmup: Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds of load before, not counted.")] = 0.5,
    timeout: Annotated[float, typer.Option(min=0.001, max=3600.0, help="When a reply counts as lost.")] = 1.0,
    cpus: Annotated[
        str, typer.Option(help="CPUs of the generator alone, as 1,2: one thread each, which polls without sleeping.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the messages' bytes and of the arrivals.")] = 0,
    json_file: Annotated[str, typer.Option("--json", help="File for the result document; - for stdout alone.")] = "",
    raw: Annotated[
        str, typer.Option(help="File for the time stamps of every request: .npy (a numpy array) or .csv.")
    ] = "",
    raw_rows: Annotated[int, typer.Option(min=1, help="Requests that --raw keeps at most.")] = 5_000_000,
    hdr: Annotated[str, typer.Option(help="File for the histogram as an HdrHistogram log (.hlog).")] = "",
) -> None:
    """Load a server and say what it did.

    Without --rate a closed loop: each connection sends again when its reply has come. With --rate an open loop:
    requests leave on a schedule made from the seed, and latency counts from when each should have left.

    Examples of use:

      python -m clients load tcp://127.0.0.1:8000 --connections 64 --cpus 0

      python -m clients load udp://127.0.0.1:8000 --rate 2000 --seconds 10
    """
    from clients.cli_load import WINDOWS, describe, parse_mix, parse_url
    from clients.cli_load import load as run_load
    from clients.export import write_hdr_log, write_raw
    from clients.load_spec import LoadSpec, check_duration

    transport, host, port = parse_url(url)
    mix = parse_mix(message_bytes)
    largest = max(size for size, _ in mix)
    if raw and Path(raw).suffix not in (".npy", ".csv"):
        raise Stop(f"--raw {raw}: the name must end in .npy or .csv")
    pinned = parse_cpus(cpus)
    try:
        check_duration(seconds + warmup, warmup)
        settings = LoadSpec(
            transport=transport,
            host=host,
            port=port,
            protocol=protocol,
            lifecycle=lifecycle,
            connections=connections,
            message_bytes=largest,
            mix=mix if len(mix) > 1 else (),
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
            parts=WINDOWS,
            raw_rows=raw_rows if raw else 0,
        )
    except ValueError as error:
        raise Stop(str(error)) from error
    outcome = run_load(settings, pinned, seconds, warmup, lambda line: print(line, file=sys.stderr, flush=True))
    text = json.dumps(outcome.document, indent=2)
    print(text if json_file == "-" else describe(outcome.document))
    if raw:
        _write("--raw", raw, lambda path: write_raw(path, outcome.raw))
    if hdr:
        _write("--hdr", hdr, lambda path: write_hdr_log(path, outcome))
    if json_file not in ("", "-"):
        _write("--json", json_file, lambda path: path.write_text(text + "\n"))


def _write(option: str, name: str, write: Callable[[Path], object]) -> None:
    try:
        write(Path(name))
    except OSError as error:
        raise Stop(f"{option} {name}: {error.strerror or error}; the result stands above", 1) from error


@app.command()
def worker(
    cpus: Annotated[str, typer.Option(help="CPUs of the generator alone, as 1,2: one thread each.")] = "",
) -> None:
    """Serve bench: one JSON command a line on stdin, one JSON answer a line on stdout.

    Example: echo '{"do": "hello"}' | python -m clients worker
    """
    from clients.worker import run

    run(parse_cpus(cpus))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Turn 1,2 into CPU numbers. Raises Stop if one of them is not this process's to use."""
    allowed = os.sched_getaffinity(0)
    try:
        cpus = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise Stop(f"--cpus {text!r} is not a list of CPU numbers; write for example 1,2") from error
    if len(set(cpus)) < len(cpus):
        raise Stop(f"--cpus {text}: a CPU stands there twice; two threads on one CPU wait for each other")
    for cpu in cpus:
        if cpu not in allowed:
            raise Stop(
                f"--cpus {text}: CPU {cpu} cannot be used here; there are {', '.join(map(str, sorted(allowed)))}"
            )
    return cpus


def main() -> int:
    """Run the command line."""
    return cli_errors.run(app, "python -m clients")


if __name__ == "__main__":
    sys.exit(main())

"""``python -m clients``: load a server, talk to one, or run as bench's generator."""

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
    host: Annotated[str, typer.Argument(help="Host name or address of the server.")],
    port: Annotated[int, typer.Argument(min=1, max=65535, help="Port of the server.")],
    transport: Annotated[Literal["tcp", "udp"], typer.Option(help="Transport.")] = "tcp",
    wait: Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds between hola and adios.")] = 2.0,
) -> None:
    """Talk to a server as the tutorial's client.

    Sends hola, prints the reply, waits, sends adios and prints the reply.

    Example: python -m clients talk 127.0.0.1 8000
    """
    from clients.talk import ConversationError, talk

    try:
        for reply in talk(host, port, transport, wait):
            print(reply, flush=True)
    except ConversationError as error:
        raise Stop(str(error), 1) from error
    except ValueError as error:
        raise Stop(str(error)) from error


@app.command()
def load(
    url: Annotated[str, typer.Argument(help="Address of the server: tcp://HOST:PORT or udp://HOST:PORT.")],
    protocol: Annotated[Literal["echo", "hola"], typer.Option(help="Protocol of the server.")] = "echo",
    connections: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of concurrent clients.")] = 1,
    message_bytes: Annotated[
        str, typer.Option(help="Size of an echo message, or several sizes with weights, e.g. 64:9,1024:1.")
    ] = "64",
    depth: Annotated[
        int, typer.Option(min=1, max=65536, help="Maximum number of requests in flight on each connection.")
    ] = 1,
    lifecycle: Annotated[
        Literal["persistent", "session", "per_request"],
        typer.Option(
            help="persistent: keep connections open. session: connect, send K requests, close. per_request: K = 1."
        ),
    ] = "persistent",
    requests_per_session: Annotated[
        int,
        typer.Option(min=1, max=10**9, help="With --lifecycle session: K. The hola protocol adds adios at the end."),
    ] = 10,
    rate: Annotated[
        float,
        typer.Option(
            min=0.0, max=1e8, help="Requests per second over all connections, whatever the server does; 0: closed loop."
        ),
    ] = 0.0,
    arrivals: Annotated[
        Literal["poisson", "constant", "burst"], typer.Option(help="With --rate: spacing of the requests.")
    ] = "poisson",
    burst_on: Annotated[
        float, typer.Option(min=1e-6, max=3600.0, help="With --arrivals burst: length of a burst in seconds.")
    ] = 0.02,
    burst_period: Annotated[
        float, typer.Option(min=1e-6, max=3600.0, help="With --arrivals burst: seconds from one burst to the next.")
    ] = 0.1,
    think: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Without --rate: seconds between a reply and the next request.")
    ] = 0.0,
    seconds: Annotated[float, typer.Option(min=0.001, max=86400.0, help="Measurement time in seconds.")] = 5.0,
    warmup: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Warm-up time in seconds, excluded from the results.")
    ] = 0.5,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=3600.0,
            help="Seconds after which a request counts as unanswered; a later reply counts as late.",
        ),
    ] = 1.0,
    cpus: Annotated[
        str,
        typer.Option(help="CPUs reserved for the generator, e.g. 1,2: one thread on each, which polls without sleep."),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Random seed of message contents and arrivals.")] = 0,
    json_file: Annotated[
        str, typer.Option("--json", help="File for the result document; - prints it instead of the summary.")
    ] = "",
    raw: Annotated[
        str, typer.Option(help="File for the time stamps of every request: .npy (numpy array) or .csv.")
    ] = "",
    raw_rows: Annotated[int, typer.Option(min=1, help="Maximum number of requests in the --raw file.")] = 5_000_000,
    hdr: Annotated[str, typer.Option(help="File for the histogram as an HdrHistogram log (.hlog).")] = "",
) -> None:
    """Load a server and print what was measured.

    Without --rate the loop is closed: each connection sends its next request when the reply has arrived. With --rate
    the loop is open: requests are sent on a schedule that follows from the seed, and latency is measured from the
    intended send time.

    Examples of use:

      python -m clients load tcp://127.0.0.1:8000 --connections 64 --cpus 0

      python -m clients load udp://127.0.0.1:8000 --rate 2000 --seconds 10
    """
    from clients.cli_load import WINDOWS, parse_mix, parse_url, run_load
    from clients.export import write_hdr_log, write_raw
    from clients.load_description import describe
    from clients.load_spec import LoadSpec, check_duration

    transport, host, port = parse_url(url)
    mix = parse_mix(message_bytes)
    if raw and Path(raw).suffix not in (".npy", ".csv"):
        raise Stop(f"--raw {raw}: the name must end in .npy or .csv")
    pinned = parse_cpus(cpus)
    try:
        check_duration(seconds + warmup, warmup)
        spec = LoadSpec(
            transport=transport,
            host=host,
            port=port,
            protocol=protocol,
            lifecycle=lifecycle,
            connections=connections,
            message_bytes=max(size for size, _ in mix),
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
    result = run_load(spec, pinned, seconds, warmup, lambda line: print(line, file=sys.stderr, flush=True))
    text = json.dumps(result.document, indent=2)
    print(text if json_file == "-" else describe(result.document))
    if raw:
        _write("--raw", raw, lambda path: write_raw(path, result.raw))
    if hdr:
        _write("--hdr", hdr, lambda path: write_hdr_log(path, result))
    if json_file not in ("", "-"):
        _write("--json", json_file, lambda path: path.write_text(text + "\n"))


def _write(option: str, name: str, write: Callable[[Path], object]) -> None:
    try:
        write(Path(name))
    except OSError as error:
        raise Stop(f"{option} {name}: {error.strerror or error}; the result is printed above", 1) from error


@app.command()
def worker(
    cpus: Annotated[str, typer.Option(help="CPUs reserved for the generator, e.g. 1,2: one thread on each.")] = "",
) -> None:
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


if __name__ == "__main__":
    sys.exit(main())

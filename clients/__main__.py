"""``python -m clients``: load a server, talk to one, or serve bench as its generator."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from clients import console
from clients.console import Stop
from clients.protocols import LARGEST_DATAGRAM_BYTES

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Clients for the echo and hola protocols.",
)


@app.command()
def talk(
    host: Annotated[str, typer.Argument(help="The server's host.")],
    port: Annotated[int, typer.Argument(min=1, max=65535, help="The server's port.")],
    transport: Annotated[Literal["tcp", "udp"], typer.Option(help="How to reach it.")] = "tcp",
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds between hola and adios.")] = 2.0,
) -> None:
    """Say hola, print the reply, wait, say adios, print the reply: the tutorial's client.

    Example: python -m clients talk 127.0.0.1 8000
    """
    from clients.talk import NoAnswer, talk

    try:
        for reply in talk(host, port, transport, wait):
            print(reply)
    except NoAnswer as error:
        raise Stop(str(error), 1) from error


@app.command()
def load(
    url: Annotated[str, typer.Argument(help="tcp://HOST:PORT or udp://HOST:PORT")],
    protocol: Annotated[Literal["echo", "hola"], typer.Option(help="What the server speaks.")] = "echo",
    connections: Annotated[int, typer.Option(min=1, max=1_000_000, help="Clients at the same time.")] = 1,
    message_bytes: Annotated[int, typer.Option(min=1, max=64 << 20, help="Size of an echo message.")] = 64,
    lifecycle: Annotated[
        Literal["persistent", "session"],
        typer.Option(help="Connections stay, or connect, ask K requests and close, again and again."),
    ] = "persistent",
    requests_per_session: Annotated[int, typer.Option(min=1, help="K; hola says adios after them.")] = 10,
    seconds: Annotated[float, typer.Option(min=0.001, max=86400.0, help="How long to measure.")] = 5.0,
    warmup: Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds of load before, not counted.")] = 0.5,
    timeout: Annotated[float, typer.Option(min=0.001, max=3600.0, help="When a reply counts as lost.")] = 1.0,
    cpus: Annotated[
        str, typer.Option(help="CPUs of the generator alone, as 1,2: one thread each, which polls without sleeping.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the messages' bytes.")] = 0,
    json_file: Annotated[str, typer.Option("--json", help="File for the result document; - for stdout alone.")] = "",
) -> None:
    """Load a server and say what it did: closed loop, each connection sends again when its reply has come.

    Example: python -m clients load tcp://127.0.0.1:8000 --connections 64 --seconds 5 --cpus 0
    """
    from clients.load import WINDOWS, describe, parse_url
    from clients.load import load as run_load
    from clients.target import Settings

    transport, host, port = parse_url(url)
    if transport == "udp" and message_bytes > LARGEST_DATAGRAM_BYTES:
        raise Stop(f"--message-bytes {message_bytes} does not fit a datagram; the largest is {LARGEST_DATAGRAM_BYTES}")
    pinned = parse_cpus(cpus)
    settings = Settings(
        transport=transport,
        host=host,
        port=port,
        protocol=protocol,
        lifecycle=lifecycle,
        connections=connections,
        message_bytes=message_bytes,
        requests_per_session=requests_per_session,
        timeout_s=timeout,
        seed=seed,
        spin=bool(pinned),
        parts=WINDOWS,
    )
    result = run_load(settings, pinned, seconds, warmup, lambda line: print(line, file=sys.stderr, flush=True))
    text = json.dumps(result, indent=2)
    if json_file == "-":
        print(text)
        return
    print(describe(result))
    if json_file:
        try:
            Path(json_file).write_text(text + "\n")
        except OSError as error:
            raise Stop(f"--json {json_file}: {error.strerror}; the result stands above", 1) from error


@app.command()
def worker(
    cpus: Annotated[str, typer.Option(help="CPUs of the generator alone, as 1,2: one thread each.")] = "",
) -> None:
    """Serve bench: one JSON command a line on stdin, one JSON answer a line on stdout."""
    from clients.worker import run

    run(parse_cpus(cpus))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Turn 1,2 into CPU numbers. Raises Stop if one of them is not this process's to use."""
    allowed = os.sched_getaffinity(0)
    try:
        cpus = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise Stop(f"--cpus {text!r} is not a list of CPU numbers; write for example 1,2") from error
    for cpu in cpus:
        if cpu not in allowed:
            raise Stop(
                f"--cpus {text}: CPU {cpu} cannot be used here; there are {', '.join(map(str, sorted(allowed)))}"
            )
    return cpus


def main() -> int:
    """Run the command line."""
    return console.run(app, "python -m clients")


if __name__ == "__main__":
    sys.exit(main())

"""The command line of one server, e.g. ``python -m servers select --transport udp --port 8000``.

The server binds its address, prints one line of JSON (the ready line) and serves until its process group is killed.
There is no SIGTERM handler: a handler that ran during a fork was seen to hang a server with several processes.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys

from servers import entry_points, fd_limit, parent_death, registry, runtime, small_process, sockets
from servers.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import NoReturn


MEASURE_UNITS = "measure-units"  # in place of a model's name, which has no hyphen


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line: the usage would not mention the wrong value."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _HelpFormatter(argparse.HelpFormatter):
    """Formats the help for a fixed width.

    To ask for the width of the terminal, argparse imports shutil with three compression libraries. They would count as
    memory of every server, and every fork would copy their tables.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until killed. Returns an exit code if start-up fails."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C stops it as SIGTERM does, without a traceback
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == [MEASURE_UNITS]:
        return _measure_units()
    return _serve(_parse(arguments))


def _serve(options: argparse.Namespace) -> int:
    if sys.platform != "linux":
        return _fail(1, f"the servers require Linux, not {sys.platform}: they use its socket options and prctl")
    try:
        model = _load(options)
    except LookupError as error:
        return _fail(2, str(error.args[0]))
    except fd_limit.FdLimitError as error:
        return _fail(1, str(error))
    serve = entry_points.find_serve(model, options.transport, options.protocol)
    if serve is None:
        return _fail(2, f"the model {options.model!r} does not serve {options.protocol} over {options.transport}")
    prepare: Callable[[], None] | None = getattr(model, "prepare", None)
    if prepare is not None:
        prepare()
    parent_death.die_with_parent()  # before the ready line, so that its reader can rely on it
    try:
        sock = _bind(options, model)
    except OSError as error:
        return _fail(1, _bind_error(options, error))
    with sock:
        host = sock.getsockname()[0]
        if not sockets.is_loopback(host):
            log(f"warning: {host} can be reached from other machines, and UDP echo can be abused to reflect traffic")
        ready_line = json.dumps(_ready_line(options, sock))
        if getattr(model, "FORKS", False):
            small_process.replace_process(options.model, options.transport, options.protocol, sock, ready_line)
        try:
            print(ready_line, flush=True)
        except OSError:
            return 1  # the process that started this server has exited
        serve(sock)
    return 0


def _measure_units() -> int:
    """Print what a unit of computing takes under this interpreter, as one line of JSON."""
    from servers.work import units  # a server of another protocol does not need it

    print(json.dumps(units.measure_units()))
    return 0


def _load(options: argparse.Namespace) -> ModuleType:
    """Import the model, set its number of workers and raise the limit on open files.

    Raises LookupError if the model cannot be loaded, fd_limit.FdLimitError if the limit is too low.
    """
    fd_limit.ensure()  # before the import, because some libraries open files during theirs
    model = registry.load(options.model)
    if getattr(model, "PARALLEL", False):
        runtime.workers = options.workers
        fd_limit.ensure(options.workers, sockets_per_worker=1 if getattr(model, "REUSEPORT", False) else 0)
    return model


def _bind(options: argparse.Namespace, model: ModuleType) -> socket.socket:
    """Bind the address as the model needs it. Raises OSError."""
    reuseport = getattr(model, "REUSEPORT", False)
    library_backlog: int | None = getattr(model, "OWN_BACKLOG", None)
    defaults = library_backlog is not None  # the model shows the sockets that its library makes
    if options.transport == "udp":
        return sockets.bind_udp(options.host, options.port, reuseport=reuseport, defaults=defaults)
    backlog = library_backlog or options.backlog
    return sockets.bind_tcp(options.host, options.port, backlog, reuseport=reuseport, defaults=defaults)


def _ready_line(options: argparse.Namespace, sock: socket.socket) -> dict[str, object]:
    host, port = sock.getsockname()[:2]
    return {
        "ready": True,
        "pid": os.getpid(),
        "host": host,
        "port": port,
        "model": options.model,
        "transport": options.transport,
        "protocol": options.protocol,
        "workers": runtime.workers,
        "python": _interpreter(),
        "sockets": sockets.read_back(sock),
    }


def _interpreter() -> str:
    """Return name and version of the interpreter, and whether it has no lock."""
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{sys.implementation.name} {version}" + ("" if locked else " without interpreter lock")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m servers",
        description="Run one server until its process group is killed.",
        epilog="Example: python -m servers select --transport udp --port 8000. The word measure-units in place of a"
        " model prints what a unit of computing takes under this interpreter.",
        formatter_class=_HelpFormatter,
    )
    parser.add_argument("model", help="name of the model (a file in servers/models), e.g. select")
    parser.add_argument(
        "--transport",
        choices=registry.TRANSPORTS,
        default="tcp",
        help="transport to serve (default: %(default)s)",
    )
    parser.add_argument(
        "--protocol",
        choices=registry.PROTOCOLS,
        default="echo",
        help="protocol to serve (default: %(default)s)",
    )
    parser.add_argument("--host", type=_host, default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_whole_number(0, 65_535),
        default=0,
        help="port to bind; 0 means any free port (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_whole_number(1, 4_096),
        default=max(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 2,
        help="number of processes, for models that have several (default: one per CPU, at least 2; here %(default)s)",
    )
    parser.add_argument(
        "--backlog",
        type=_whole_number(1, 2**31 - 1),
        default=1024,
        help="number of clients that may wait to be accepted (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _host(text: str) -> str:
    try:
        text.encode()
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither an address nor a host name") from None
    return text


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def _bind_error(options: argparse.Namespace, error: OSError) -> str:
    address = f"{options.transport} port {options.port} of {options.host}"
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use: stop the server that uses it, or pass --port 0 for any free port"
    if error.errno == errno.EACCES:
        return f"{address} is not permitted: ports below 1024 need a privilege; pass a higher port, or --port 0"
    return f"{address} cannot be bound: {error.strerror}"


def _fail(code: int, message: str) -> int:
    print(f"python -m servers: {message}", file=sys.stderr)
    return code

"""Run one server: ``python -m servers MODEL --transport tcp --protocol echo --port 0``.

It binds, prints one line of JSON that says so, and serves until its process group is ended. There is no SIGTERM
handler: one that ran inside a fork has been seen to hang a server with several processes.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys

from servers import fd_limit, parent_death, protocols, registry, runtime, sockets
from servers.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import NoReturn

    Serve = Callable[[socket.socket, protocols.NewHandler], None]


class _Parser(argparse.ArgumentParser):
    """Its usage, which names no wrong value, is left to --help: one line is read, a page is not."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve for ever; return the exit code when that cannot be."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it as SIGTERM does, without a traceback
    options = _parse(arguments)
    if sys.platform != "linux":
        return _fail(1, f"the servers need Linux, not {sys.platform}: they rely on its socket options and on prctl")
    try:
        model = _load(options)
    except LookupError as error:
        return _fail(2, str(error.args[0]))
    except fd_limit.FdLimitError as error:
        return _fail(1, str(error))
    serve: Serve | None = getattr(model, f"serve_{options.transport}", None)
    if serve is None:
        return _fail(2, f"the model {options.model!r} does not serve {options.transport}")
    prepare: Callable[[], None] | None = getattr(model, "prepare", None)
    if prepare is not None:
        prepare()
    reuseport = getattr(model, "REUSEPORT", False)
    library_backlog: int | None = getattr(model, "OWN_BACKLOG", None)
    defaults, backlog = library_backlog is not None, library_backlog or options.backlog
    parent_death.die_with_parent()  # before the ready line: whoever reads that can rely on it
    try:
        if options.transport == "tcp":
            sock = sockets.bind_tcp(options.host, options.port, backlog, reuseport=reuseport, defaults=defaults)
        else:
            sock = sockets.bind_udp(options.host, options.port, reuseport=reuseport, defaults=defaults)
    except OSError as error:
        return _fail(1, _bind_error(options, error))
    with sock:
        host, port = sock.getsockname()[:2]
        if not sockets.is_loopback(host):
            log(f"warning: {host} can be reached by others, and an echo over UDP can be abused to reflect traffic")
        ready = {
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
        try:
            print(json.dumps(ready), flush=True)
        except OSError:
            return 1  # whoever started this server has ended already
        serve(sock, protocols.HANDLERS[options.transport][options.protocol])
    return 0


def _load(options: argparse.Namespace) -> ModuleType:
    """Import the model, with the workers that it is told and the descriptors that it needs.

    Raises LookupError and fd_limit.FdLimitError.
    """
    fd_limit.ensure()  # before: some libraries open files while they are imported
    model = registry.load(options.model)
    if getattr(model, "PARALLEL", False):
        runtime.workers = options.workers
        fd_limit.ensure(options.workers, sockets_per_worker=1 if getattr(model, "REUSEPORT", False) else 0)
    return model


def _interpreter() -> str:
    """Name, version, and whether it does without the interpreter lock."""
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{sys.implementation.name} {version}" + ("" if locked else " without interpreter lock")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m servers",
        description="Run one server until its process group is ended.",
        epilog="Example: python -m servers select --transport udp --port 8000",
    )
    parser.add_argument("model", help="its file's name in servers/models, such as select")
    parser.add_argument("--transport", choices=sorted(protocols.HANDLERS), default="tcp")
    parser.add_argument("--protocol", choices=sorted(protocols.HANDLERS["tcp"]), default="echo")
    parser.add_argument("--host", type=_host, default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=_whole_number(0, 65_535), default=0, help="0, the default: any that is free")
    parser.add_argument(
        "--workers",
        type=_whole_number(1, 4_096),
        default=max(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 2,
        help="processes, for models that have several (default: one for each CPU, two at least: %(default)s)",
    )
    parser.add_argument(
        "--backlog",
        type=_whole_number(1, 2**31 - 1),
        default=1024,
        help="clients that may wait for accept (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _host(text: str) -> str:
    try:
        text.encode()
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither an address nor a name") from None
    return text


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def _bind_error(options: argparse.Namespace, error: OSError) -> str:
    where = f"{options.transport} port {options.port} of {options.host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use: end the server that has it, or take --port 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"{where} is not allowed: ports below 1024 need a privilege; take a higher one, or --port 0"
    return f"{where} cannot be had: {error.strerror}"


def _fail(code: int, message: str) -> int:
    print(f"python -m servers: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Continue a server that forks for each client in a small process.

A fork copies the tables of the parent's memory, and its libraries' as well. The command line needs argparse, ctypes,
json and resource, which a server does not need later: with them, each fork and each exit of a child took 4% more time.
So the command line does its work, binds the socket, and then replaces its process by a fresh interpreter with the same
pid. The kernel keeps what was set before: the limit on open files, the signals on the death of a parent.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from servers import parent_death

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")  # noqa: PTH100, PTH118, PTH120 - pathlib costs


def replace_process(model: str, transport: str, protocol: str, sock: socket.socket, ready_line: str) -> NoReturn:
    """Replace this process by one that prints the ready line and serves the socket with the model. Raises OSError."""
    sock.set_inheritable(True)
    options = ["-B"] if sys.dont_write_bytecode else []
    arguments = [model, transport, protocol, str(sock.fileno()), str(parent_death.watch_forks()), ready_line]
    os.execv(sys.executable, [sys.executable, *options, _LAUNCHER, "servers.small_process", *arguments])


def main() -> int:
    """Serve according to the arguments. Exits with code 1 if nobody reads the ready line any more."""
    from servers import registry
    from servers.entry_points import find_serve

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the command line did before
    model_name, transport, protocol, fd, write_end, ready_line = sys.argv[1:]
    parent_death.forks_write_end = int(write_end)
    model = registry.load(model_name)
    sock = socket.socket(fileno=int(fd))
    sock.set_inheritable(False)
    try:
        print(ready_line, flush=True)  # noqa: T201 - read by the program that started this
    except OSError:
        os._exit(1)
    serve = find_serve(model, transport, protocol)
    if serve is not None:  # the command line has checked this
        serve(sock)
    return 0

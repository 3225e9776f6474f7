"""A running server, and the little that a client needs to put it to the test.

Nothing here imports what the servers are made of, but the registry of their names: this side states the contract again.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from servers import registry

ROOT = Path(__file__).parents[2]
DEADLINE_S = 20.0  # far more than anything here takes; a test that reaches it fails
PROTOCOLS = ("echo", "hola")
MODELS = {name: registry.describe(name) for name in registry.names()}


def models(transport: str, condition: Callable[[registry.Description], bool] = lambda _: True) -> list[str]:
    """List the models that serve a transport and meet a condition."""
    return [name for name, model in MODELS.items() if transport in model.transports and condition(model)]


ARMS = [(name, transport) for name, model in MODELS.items() for transport in model.transports]


@dataclass(frozen=True)
class Server:
    """A server that has printed its ready line."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    errors: IO[bytes]

    @property
    def model(self) -> registry.Description:
        return MODELS[str(self.ready["model"])]

    @property
    def address(self) -> tuple[str, int]:
        return str(self.ready["host"]), int(self.ready["port"])

    @property
    def pid(self) -> int:
        return self.process.pid

    def stderr(self) -> str:
        """Return what it has written to stderr so far."""
        self.errors.seek(0)
        return self.errors.read().decode()

    def tree(self) -> list[psutil.Process]:
        """List its processes: itself, then its workers."""
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """List its workers, once all of them are there."""
        if not self.model.parallel:
            return []
        wait_until(lambda: len(self.tree()) == 1 + self.ready["workers"], "all workers are there")
        return self.tree()[1:]

    def descriptors(self) -> int:
        """Count the open descriptors of all its processes."""
        return sum(process.num_fds() for process in self.tree())

    def cpu_s(self) -> float:
        """CPU time of all its processes, ended threads included."""
        total_s = 0.0
        for process in self.tree():
            with contextlib.suppress(OSError):  # it has ended since it was listed
                total_s += time.clock_gettime((~process.pid << 3) | 2)
        return total_s

    def rss_bytes(self) -> int:
        return sum(int(process.memory_info().rss) for process in self.tree())

    def rests(self) -> bool:
        """Tell whether it uses next to no CPU time for a moment."""
        before = self.cpu_s()
        select.select([], [], [], 0.1)
        return self.cpu_s() - before < 0.01


def command(model: str, transport: str, protocol: str = "echo", *more: str, python: str = sys.executable) -> list[str]:
    """Spell out the command line of a server."""
    return [python, "-m", "servers", model, "--transport", transport, "--protocol", protocol, *more]


def altered(change: str, *words: str) -> list[str]:
    """Spell out the command line of a server with a change to a model made first."""
    return [sys.executable, "-c", f"{change}\nfrom servers.__main__ import main\nmain({list(words)})"]


def limited(descriptors: int, words: Sequence[str]) -> list[str]:
    """Spell out a command that may have so many descriptors: a shell has the limit, then becomes the command."""
    return ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *words]


def ended(words: Sequence[str], **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a server that ends by itself. changes: of the environment."""
    return subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def read_line(stream: IO[bytes]) -> bytes:
    """Read a line; an empty one if the other side closed or the deadline passed.

    The stream has to be without a buffer: a line that stood in one would not be seen.
    """
    readable, _, _ = select.select([stream], [], [], DEADLINE_S)
    return stream.readline() if readable else b""


@contextlib.contextmanager
def running(words: Sequence[str], *, descriptors: int | None = None, cwd: Path = ROOT) -> Iterator[Server]:
    """Start a server, wait for its ready line, and end it with all its processes.

    descriptors: how many it may have. A model whose library is missing here makes the test a skip.
    """
    if descriptors is not None:
        words = limited(descriptors, words)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, bufsize=0, stderr=errors, start_new_session=True, cwd=cwd
        )
        try:
            assert process.stdout is not None
            line = read_line(process.stdout)
            if not line:
                errors.seek(0)
                reason = errors.read().decode()
                if "pip install" in reason:
                    pytest.skip(reason.strip())
                pytest.fail(f"no ready line from {' '.join(words)}; its last words were:\n{reason}")
            yield Server(process, json.loads(line), errors)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=DEADLINE_S)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll until the condition holds; fail at the deadline."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            pytest.fail(f"waited for {DEADLINE_S} s, in vain, until {what}")
        select.select([], [], [], 0.01)


def connect(server: Server) -> socket.socket:
    """Open a TCP connection whose every call has a deadline."""
    conn = socket.create_connection(server.address, timeout=DEADLINE_S)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return conn


def peer(server: Server) -> socket.socket:
    """Make a UDP socket that talks to the server alone."""
    family = socket.AF_INET6 if ":" in server.address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(DEADLINE_S)
    sock.connect(server.address)
    return sock


def read_exactly(conn: socket.socket, size: int) -> bytes:
    """Read so many bytes, or fewer if the server closes before."""
    parts = []
    while size:
        part = conn.recv(min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_to_end(conn: socket.socket) -> bytes:
    """Read until the server closes."""
    return read_exactly(conn, 1 << 40)


def exchange(conn: socket.socket, request: bytes, reply: bytes | None = None) -> None:
    """Send a request and see the right reply come; the request itself, unless told otherwise."""
    expected = request if reply is None else reply
    conn.sendall(request)
    assert read_exactly(conn, len(expected)) == expected


def exchange_datagram(sock: socket.socket, request: bytes, reply: bytes | None = None) -> None:
    """Send a datagram and see the right one come back."""
    expected = request if reply is None else reply
    sock.send(request)
    assert sock.recv(65_536) == expected


def reset(conn: socket.socket) -> None:
    """Break a connection: the server gets a reset instead of an end."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    conn.close()


def assert_serves(server: Server) -> None:
    """See that a new client is served."""
    request, reply = {"echo": (b"still there?", b"still there?"), "hola": (b"hola", b"pues hola")}[
        server.ready["protocol"]
    ]
    if server.ready["transport"] == "tcp":
        with connect(server) as conn:
            exchange(conn, request, reply)
    else:
        with peer(server) as sock:
            exchange_datagram(sock, request, reply)

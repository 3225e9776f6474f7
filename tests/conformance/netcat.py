"""The conversation by hand with netcat, as in a first lesson on sockets."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator

from tests.support.servers import Server

NETCAT = shutil.which("nc")
CONVERSATION = (("hola", b"pues hola"), ("adios", b"pues adios"))


@contextlib.contextmanager
def start_netcat(server: Server, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start netcat, connected to the server, and kill it at the end."""
    assert NETCAT is not None
    host, port = server.address
    command = [NETCAT, *options, host, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def converse(process: subprocess.Popen[bytes]) -> None:
    """Send each request and check its reply before the next one."""
    assert process.stdin is not None
    assert process.stdout is not None
    for request, reply in CONVERSATION:
        process.stdin.write(request.encode())
        process.stdin.flush()
        received = b""
        while len(received) < len(reply):
            part = process.stdout.read1(len(reply) - len(received))  # type: ignore[attr-defined]  # a BufferedReader
            assert part, f"netcat exited after {received!r}"
            received += part
        assert received == reply

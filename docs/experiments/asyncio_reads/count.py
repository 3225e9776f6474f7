"""Count page faults and memory calls per request: ``python count.py PYTHON ...``.

Prints one line of CSV for each interpreter, model and transport. The server is a model of holabench, started from the
repository's folder. The counts are the kernel's and strace's, so no quiet machine is needed.

Page faults are read from /proc/PID/stat. System calls are counted in a second run, under strace.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CASES = [("asyncio", "tcp"), ("asyncio_streams", "tcp"), ("asyncio_buffered", "tcp")]
CASES += [("asyncio", "udp"), ("asyncio_reader", "udp")]
CLIENTS = 16
WARM_UP_ROUNDS = 50
ROUNDS = 100  # of one request for each client
REQUEST = b"x" * 64
MEMORY_CALLS = ("mmap", "munmap", "brk", "mremap")


@contextmanager
def started(command: list[str]) -> Iterator[tuple[int, int]]:
    """Run a server. Yields its pid and port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield ready["pid"], ready["port"]
            os.kill(ready["pid"], signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()


def connect(transport: str, port: int) -> list[socket.socket]:
    """Return the clients."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    clients = [socket.socket(type=kind) for _ in range(CLIENTS)]
    for client in clients:
        client.settimeout(10)
        client.connect(("127.0.0.1", port))
    return clients


def disconnect_one(transport: str, port: int) -> None:
    """Let one client come and go, whose end the server reads. Over UDP there is no end."""
    if transport == "tcp":
        (client, *others) = connect(transport, port)
        exchange([client], 1)
        for conn in (client, *others):
            conn.close()


def exchange(clients: list[socket.socket], rounds: int) -> None:
    """Send one request of each client in each round, then read the replies."""
    for _ in range(rounds):
        for client in clients:
            client.send(REQUEST)
        for client in clients:
            if client.recv(100) != REQUEST:
                sys.exit("a reply is not the request")


def page_faults(pid: int) -> int:
    """Return the minor page faults of a process so far."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def faults_per_request(command: list[str], transport: str, *, after_disconnect: bool) -> float:
    """Return the page faults of the server for each request."""
    with started(command) as (pid, port):
        if after_disconnect:
            disconnect_one(transport, port)
        clients = connect(transport, port)
        exchange(clients, WARM_UP_ROUNDS)
        before = page_faults(pid)
        exchange(clients, ROUNDS)
        return (page_faults(pid) - before) / (ROUNDS * CLIENTS)


def memory_calls(command: list[str], transport: str, rounds: int) -> int:
    """Return how often a server called for memory, from its start to its end."""
    with tempfile.NamedTemporaryFile() as counts:
        with started(["strace", "-f", "-c", "-o", counts.name, *command]) as (_, port):
            exchange(connect(transport, port), rounds)
        table = Path(counts.name).read_text()
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", table, re.MULTILINE)
    return sum(int(count) for count, name in rows if name in MEMORY_CALLS)


def calls_per_request(command: list[str], transport: str) -> float:
    """Return the calls for memory for each request: the difference between a long and a short run."""
    long, short = (memory_calls(command, transport, WARM_UP_ROUNDS + rounds) for rounds in (ROUNDS, 0))
    return (long - short) / (ROUNDS * CLIENTS)


def main() -> None:
    """Print the table."""
    print("python,model,transport,memory_calls,page_faults,page_faults_after_a_disconnect")  # noqa: T201 - the result
    for python in sys.argv[1:] or [sys.executable]:
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
        for model, transport in CASES:
            command = [python, "-m", "servers", model, "--transport", transport]
            calls = calls_per_request(command, transport)  # first: this also compiles the modules, which uses the heap
            before, after = (faults_per_request(command, transport, after_disconnect=late) for late in (False, True))
            counts = f"{calls:.2f},{before:.2f},{after:.2f}"
            print(f"{version},{model},{transport},{counts}", flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    main()

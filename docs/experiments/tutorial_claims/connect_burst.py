"""Measure how long a burst of clients waits for its first reply, by the server's backlog.

Every repetition starts a fresh server for each backlog, in random order. All clients connect at the same moment and
send ``hola``; a client is done when it has ``pues hola``. The server has a CPU of its own where there are two.

Run it in the project's folder, with the numbers of clients:
``python docs/experiments/tutorial_claims/connect_burst.py 10 100 1000 > results.csv``
"""

import csv
import itertools
import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

MODELS = ("thread_per_client", "asyncio")
BACKLOGS = (1, 5, 128, 1024)
REPETITIONS = 5
DEADLINE_S = 5.0
STEPS_S = (0.5, 1.5, 2.5, 3.5)  # a lost SYN is sent again after 1, 2 and 3 s; a step ends before the next one
SEED = 1


@dataclass(slots=True)
class Burst:
    """Outcome of one burst: times to the first reply in seconds, and connects without any."""

    times_s: list[float] = field(default_factory=list)
    refused: int = 0
    unanswered: int = 0

    def by_step(self) -> list[int]:
        """Return the number of clients whose first reply came before each end of ``STEPS_S``, and after the last."""
        ends = [0.0, *STEPS_S, float("inf")]
        return [sum(low <= t < high for t in self.times_s) for low, high in itertools.pairwise(ends)]


def main() -> None:
    """Print a row for each burst."""
    rows = csv.writer(sys.stdout)
    steps = ["below_0.5_s", "0.5_to_1.5_s", "1.5_to_2.5_s", "2.5_to_3.5_s", "later"]
    rows.writerow(
        ["clients", "repetition", "model", "backlog", *steps, "refused", "unanswered", "median_s", "p99_s", "overflows"]
    )
    clients = [int(word) for word in sys.argv[1:]]
    order = [(count, model, backlog) for count in clients for model in MODELS for backlog in BACKLOGS]
    shuffle = random.Random(SEED).shuffle
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[0]})
    for repetition in range(REPETITIONS):
        shuffle(order)
        for count, model, backlog in order:
            with running_server(model, backlog, cpus[-1]) as port:
                overflows = listen_overflows()
                burst = connect_all(port, count)
                overflows = listen_overflows() - overflows
            times_s = sorted(burst.times_s)
            quantiles = [f"{times_s[int(q * (len(times_s) - 1))]:.6f}" if times_s else "" for q in (0.5, 0.99)]
            outcome = [*burst.by_step(), burst.refused, burst.unanswered, *quantiles, overflows]
            rows.writerow([count, repetition, model, backlog, *outcome])
            sys.stdout.flush()


@contextmanager
def running_server(model: str, backlog: int, cpu: int) -> Iterator[int]:
    """Run a server on one CPU. Yield its port."""
    command = [sys.executable, "-m", "servers", model, "--protocol", "hola", "--backlog", str(backlog)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        os.sched_setaffinity(server.pid, {cpu})  # before its ready line, and so before its threads
        assert server.stdout is not None
        try:
            yield int(json.loads(server.stdout.readline())["port"])
        finally:
            server.kill()


def connect_all(port: int, count: int) -> Burst:
    """Connect ``count`` clients at once, and wait for the first reply of each."""
    burst, poller, began_s = Burst(), select.epoll(), {}
    clients = {}
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        clients[client.fileno()] = client
        poller.register(client, select.EPOLLOUT)
        began_s[client.fileno()] = time.perf_counter()
        with suppress(BlockingIOError):
            client.connect(("127.0.0.1", port))
    deadline_s = time.perf_counter() + DEADLINE_S
    waiting = set(clients)
    while waiting and time.perf_counter() < deadline_s:
        for fd, _ in poller.poll(0.1):
            answered = _advance(clients[fd], poller)
            if answered is None:
                continue
            waiting.discard(fd)
            poller.unregister(fd)
            if answered:
                burst.times_s.append(time.perf_counter() - began_s[fd])
            else:
                burst.refused += 1
    burst.unanswered = len(waiting)
    for client in clients.values():
        client.close()
    poller.close()
    return burst


def _advance(client: socket.socket, poller: select.epoll) -> bool | None:
    """Send ``hola`` or take its reply. Return True with the reply, False after an error, None to wait for more."""
    try:
        if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return False
        with suppress(BlockingIOError):
            return bool(client.recv(64))
        client.send(b"hola")
        poller.modify(client, select.EPOLLIN)
    except OSError:
        return False
    return None


def listen_overflows() -> int:
    """Return how often the kernel found a listen queue full, since it booted."""
    names, values = (
        line.split() for line in Path("/proc/net/netstat").read_text().splitlines() if line.startswith("TcpExt:")
    )
    return int(values[names.index("ListenOverflows")])


if __name__ == "__main__":
    main()

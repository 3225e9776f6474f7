"""Several processes share the socket; each one accepts for itself and runs the select model.

Good: uses several CPUs, as each process has an interpreter lock of its own; a crash takes the connections of one
process and spares the others. Bad: memory and start-up time for each process; the kernel does not spread the
connections evenly; clients of different processes share nothing. Over UDP each process runs the loop of the iterative
model on the shared socket.

Promise: a worker that ends, by SIGKILL too, is replaced (after a pause, if it has lived for less than a second). Its
own connections break, all others go on, and new ones are served.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import wait

from servers import lifeline, settings
from servers.log import log
from servers.models import iterative, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.context import ForkProcess

    from servers.protocols import NewDatagramHandler, NewStreamHandler

PARALLEL = True
MAX_TCP_CLIENTS = 1000  # of each process, about: as the select model
PAUSE_S = 1.0


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Keep the workers at work; this process serves nobody itself."""
    _keep_at_work(lambda: select.serve_tcp(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Keep the workers at work; the kernel gives each datagram to one of them."""
    _keep_at_work(lambda: iterative.serve_udp(sock, new_handler))


def _keep_at_work(serve: Callable[[], None]) -> None:
    # Fork, because the workers inherit the socket by it; from Python 3.14 on it is no longer the default.
    context = multiprocessing.get_context("fork")
    parent = os.getpid()
    started_s: dict[ForkProcess, float] = {}

    def work() -> None:
        lifeline.die_with_parent(parent)
        serve()

    while True:
        while len(started_s) < settings.workers:
            worker = context.Process(target=work)
            worker.start()
            started_s[worker] = time.monotonic()
        wait([worker.sentinel for worker in started_s])
        for worker in [worker for worker in started_s if not worker.is_alive()]:
            log(f"worker {worker.pid} ended with exit code {worker.exitcode}; another takes its place")
            if time.monotonic() - started_s.pop(worker) < PAUSE_S:
                time.sleep(PAUSE_S)  # whatever ends it at once will not be better at once
            worker.close()

"""The asyncio model with processes that compute: waits are awaited, computing runs in a ProcessPoolExecutor.

Represents: as the documentation teaches

Strengths: computing delays neither the loop nor other computing, and uses a CPU for each worker. Weaknesses:
memory and start-up time per process; what is computed on has to be pickled; short computing costs less than the way to
another process and back. If a worker dies, the library gives up all of them; the model then starts others, and asks
again. Only ``work`` differs from the asyncio model.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from servers import parent_death, runtime
from servers.log import Tally
from servers.models import asyncio as base
from servers.work.asyncio_protocols import WorkClientProtocol, WorkPeersProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from multiprocessing.synchronize import Barrier

    from servers.work.protocol import Request

PARALLEL = True


def serve_work_tcp(listener: socket.socket) -> None:
    """Start the workers, and run a loop with asyncio's server."""
    workers = Workers()
    asyncio.run(base.serve_clients(listener, lambda: WorkClientProtocol(workers.wait_and_compute)))


def serve_work_udp(sock: socket.socket) -> None:
    """Start the workers, and run a loop with a datagram endpoint."""
    workers = Workers()
    asyncio.run(base.answer_datagrams(sock, lambda: WorkPeersProtocol(workers.wait_and_compute)))


class Workers:
    """The processes that compute: ``runtime.workers`` of them."""

    def __init__(self) -> None:
        self.executor = _start_executor()
        self.replaced = Tally("a worker exited; all are replaced")

    async def wait_and_compute(self, request: Request) -> None:
        """Await the end of the wait, then a worker that computes."""
        if request.wait_s:
            await asyncio.sleep(request.wait_s)
        if request.units:
            loop, executor = asyncio.get_running_loop(), self.executor
            try:
                await loop.run_in_executor(executor, request.computing, request.units)
            except BrokenProcessPool:
                if executor is self.executor:  # the first of several requests that notice it
                    self.executor = _start_executor()
                    self.replaced.add()
                await loop.run_in_executor(self.executor, request.computing, request.units)


def _start_executor() -> ProcessPoolExecutor:
    """Return an executor whose workers all run.

    By itself the library starts a worker when one is needed, under some versions of Python. So each worker waits for
    the last one: none is free for a task before all have been started.
    """
    # By fork, as the other models with workers. It is no longer the default from Python 3.14 on.
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(runtime.workers)
    executor = ProcessPoolExecutor(runtime.workers, context, _begin_work, (os.getpid(), barrier))
    for task in [executor.submit(os.getpid) for _ in range(runtime.workers)]:
        task.result()
    return executor


def _begin_work(parent: int, barrier: Barrier) -> None:
    parent_death.die_with_parent(parent)
    # A worker that replaces another inherits the clients' connections. They would stay open after the server's close.
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib costs
        fd = int(name)
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.close(fd)
        except OSError:
            pass
    barrier.wait()

"""Processes that serve side by side: started by fork, and replaced when one ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from multiprocessing.connection import wait

from servers import parent_death, runtime
from servers.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkProcess

RESTART_DELAY_S = 1.0


def supervise_workers(serve: Callable[[int], None]) -> None:
    """Keep ``runtime.workers`` processes at work; this one serves nobody itself.

    serve: what each does, told its index from 0. A worker that ends, by SIGKILL too, is replaced, after a pause if it
    has lived for less than a second. Its own connections break, all others go on, and new ones are served. Where none
    can be started that is said once, and tried again after the same pause.
    """
    pool = _WorkerPool(serve)
    error: OSError | None = None
    while True:
        previous_error, error = error, pool.start_missing()
        if error and not previous_error:
            count = runtime.workers - len(pool.running)
            log(f"{count} of {runtime.workers} workers cannot be started: {error.strerror}; it is tried again")
        wait([worker.sentinel for worker, _ in pool.running.values()], RESTART_DELAY_S if error else None)
        pool.remove_exited()


class _WorkerPool:
    """The workers by their places."""

    def __init__(self, serve: Callable[[int], None]) -> None:
        self.running: dict[int, tuple[ForkProcess, float]] = {}  # the process, and when it started
        self._pipes: dict[int, tuple[int, int]] = {}  # our ends of those of each process
        self._serve = serve
        # Fork, because the workers inherit the socket by it; from Python 3.14 on it is no longer the default.
        self._context = multiprocessing.get_context("fork")
        self._parent = os.getpid()

    def start_missing(self) -> OSError | None:
        """Start a worker for each index that has none; return what prevented it."""
        for index in range(runtime.workers):
            if index not in self.running:
                # A daemon: an error in this process ends them, too, where it would wait for others.
                worker = self._context.Process(target=self._work, args=(index,), daemon=True)
                try:
                    self._pipes[index] = _start_process(worker)
                except OSError as error:
                    return error
                self.running[index] = worker, time.monotonic()
        return None

    def remove_exited(self) -> None:
        """Take those that have ended from their places."""
        for index, (worker, started_s) in list(self.running.items()):
            if not worker.is_alive():
                log(f"worker {worker.pid} ended with exit code {worker.exitcode}; another takes its place")
                del self.running[index], self._pipes[index]
                if time.monotonic() - started_s < RESTART_DELAY_S:
                    time.sleep(RESTART_DELAY_S)  # whatever ends it at once will not be better at once
                worker.close()

    def _work(self, index: int) -> None:
        parent_death.die_with_parent(self._parent)
        # Those of the others: with hundreds no number would be left that select can watch.
        for pipe_fds in self._pipes.values():
            for end in pipe_fds:
                os.close(end)
        self._serve(index)


def _start_process(worker: ForkProcess) -> tuple[int, int]:
    """Start a worker, or leave nothing behind: of a fork that fails multiprocessing leaves two pipes open.

    Returns our ends of the two.
    """
    pipe_fds: list[int] = []
    try:
        for _ in range(2):
            pipe_fds += os.pipe()
    finally:
        for end in pipe_fds:
            os.close(end)
    try:
        worker.start()
    except OSError:
        for end in pipe_fds:  # the lowest numbers that were free, so they are those of its pipes
            with contextlib.suppress(OSError):
                os.close(end)
        raise
    return pipe_fds[0], pipe_fds[3]

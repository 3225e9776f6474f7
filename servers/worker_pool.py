"""Forked worker processes that serve in parallel and are restarted when they exit."""

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

RESTART_DELAY_S = 1.0  # before a worker that failed at once, or could not be started, is started again


def supervise_workers(serve: Callable[[int], None]) -> None:
    """Keep ``runtime.workers`` worker processes running. Does not return.

    This process serves no clients itself.

    serve: runs in each worker; its argument is the index of the worker, counted from 0.

    A worker that exits, even by SIGKILL, is replaced: at once, or after ``RESTART_DELAY_S`` if it lived for less than
    that. Its own connections break, the others are not affected. If a worker cannot be started, this is logged once and
    tried again after the same delay.
    """
    pool = _WorkerPool(serve)
    error: OSError | None = None
    while True:
        previous_error, error = error, pool.start_missing()
        if error and not previous_error:
            count = runtime.workers - len(pool.running)
            log(f"{count} of {runtime.workers} workers cannot be started: {error.strerror}; trying again")
        wait([worker.sentinel for worker, _ in pool.running.values()], RESTART_DELAY_S if error else None)
        pool.remove_exited()


class _WorkerPool:
    """The workers, by index."""

    def __init__(self, serve: Callable[[int], None]) -> None:
        self.running: dict[int, tuple[ForkProcess, float]] = {}  # process and start time
        self._pipes: dict[int, tuple[int, int]] = {}  # this process's ends of the pipes of each worker
        self._serve = serve
        # By fork, so that the workers inherit the socket. It is no longer the default from Python 3.14 on.
        self._context = multiprocessing.get_context("fork")
        self._parent = os.getpid()

    def start_missing(self) -> OSError | None:
        """Start the workers that are not running. Returns the error if one cannot start."""
        for index in range(runtime.workers):
            if index not in self.running:
                # A daemon: if this process fails, multiprocessing terminates daemons but would wait for others.
                worker = self._context.Process(target=self._work, args=(index,), daemon=True)
                try:
                    self._pipes[index] = _start_process(worker)
                except OSError as error:
                    return error
                self.running[index] = worker, time.monotonic()
        return None

    def remove_exited(self) -> None:
        """Remove and log the workers that have exited."""
        for index, (worker, started_s) in list(self.running.items()):
            if not worker.is_alive():
                log(f"worker {worker.pid} exited with code {worker.exitcode}; starting another")
                del self.running[index], self._pipes[index]
                if time.monotonic() - started_s < RESTART_DELAY_S:
                    time.sleep(RESTART_DELAY_S)  # what made it fail at once is likely still there
                worker.close()

    def _work(self, index: int) -> None:
        parent_death.die_with_parent(self._parent)
        # Close the pipes of other workers: hundreds of them would leave no descriptor below 1024, which select needs.
        for pipe_fds in self._pipes.values():
            for fd in pipe_fds:
                os.close(fd)
        self._serve(index)


def _start_process(worker: ForkProcess) -> tuple[int, int]:
    """Start a worker and return this process's ends of its two pipes.

    If the fork fails, multiprocessing leaves these pipes open; they are closed here. Raises OSError.
    """
    pipe_fds: list[int] = []
    try:
        for _ in range(2):
            pipe_fds += os.pipe()
    finally:
        for fd in pipe_fds:
            os.close(fd)
    try:
        worker.start()
    except OSError:
        for fd in pipe_fds:  # the pipes got the lowest free numbers, which are the ones just closed
            with contextlib.suppress(OSError):
                os.close(fd)
        raise
    return pipe_fds[0], pipe_fds[3]

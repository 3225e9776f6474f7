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

PAUSE_S = 1.0


def keep_at_work(serve: Callable[[int], None]) -> None:
    """Keep ``runtime.workers`` processes at work; this one serves nobody itself.

    serve: what each does, told its place from 0. A worker that ends, by SIGKILL too, is replaced, after a pause if it
    has lived for less than a second. Its own connections break, all others go on, and new ones are served. Where none
    can be started that is said once, and tried again after the same pause.
    """
    crew = _Crew(serve)
    prevented: OSError | None = None
    while True:
        before, prevented = prevented, crew.fill_places()
        if prevented and not before:
            count = runtime.workers - len(crew.at_work)
            log(f"{count} of {runtime.workers} workers cannot be started: {prevented.strerror}; it is tried again")
        wait([worker.sentinel for worker, _ in crew.at_work.values()], PAUSE_S if prevented else None)
        crew.clear_places()


class _Crew:
    """The workers by their places."""

    def __init__(self, serve: Callable[[int], None]) -> None:
        self.at_work: dict[int, tuple[ForkProcess, float]] = {}  # the process, and when it started
        self._pipes: dict[int, tuple[int, int]] = {}  # our ends of those of each process
        self._serve = serve
        # Fork, because the workers inherit the socket by it; from Python 3.14 on it is no longer the default.
        self._context = multiprocessing.get_context("fork")
        self._parent = os.getpid()

    def fill_places(self) -> OSError | None:
        """Start a worker for each place that has none; return what prevented it."""
        for place in range(runtime.workers):
            if place not in self.at_work:
                # A daemon: an error in this process ends them, too, where it would wait for others.
                worker = self._context.Process(target=self._work, args=(place,), daemon=True)
                try:
                    self._pipes[place] = _start(worker)
                except OSError as error:
                    return error
                self.at_work[place] = worker, time.monotonic()
        return None

    def clear_places(self) -> None:
        """Take those that have ended from their places."""
        for place, (worker, started_s) in list(self.at_work.items()):
            if not worker.is_alive():
                log(f"worker {worker.pid} ended with exit code {worker.exitcode}; another takes its place")
                del self.at_work[place], self._pipes[place]
                if time.monotonic() - started_s < PAUSE_S:
                    time.sleep(PAUSE_S)  # whatever ends it at once will not be better at once
                worker.close()

    def _work(self, place: int) -> None:
        parent_death.die_with_parent(self._parent)
        for ends in self._pipes.values():  # of the others: with hundreds no number would be left that select can watch
            for end in ends:
                os.close(end)
        self._serve(place)


def _start(worker: ForkProcess) -> tuple[int, int]:
    """Start a worker, or leave nothing behind: of a fork that fails multiprocessing leaves two pipes open.

    Returns our ends of the two.
    """
    ends: list[int] = []
    try:
        for _ in range(2):
            ends += os.pipe()
    finally:
        for end in ends:
            os.close(end)
    try:
        worker.start()
    except OSError:
        for end in ends:  # the lowest numbers that were free, so they are those of its pipes
            with contextlib.suppress(OSError):
                os.close(end)
        raise
    return ends[0], ends[3]

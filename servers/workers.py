"""Processes that serve side by side: started by fork, and replaced when one ends."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import wait

from servers import lifeline, settings
from servers.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkProcess

PAUSE_S = 1.0


def keep_at_work(serve: Callable[[int], None]) -> None:
    """Keep ``settings.workers`` processes at work; this one serves nobody itself.

    serve: what each does, told its place from 0. A worker that ends, by SIGKILL too, is replaced, after a pause if it
    has lived for less than a second. Its own connections break, all others go on, and new ones are served.
    """
    # Fork, because the workers inherit the socket by it; from Python 3.14 on it is no longer the default.
    context = multiprocessing.get_context("fork")
    parent = os.getpid()
    at_work: dict[int, tuple[ForkProcess, float]] = {}  # by place: the process, and when it started

    def work(place: int) -> None:
        lifeline.die_with_parent(parent)
        serve(place)

    while True:
        for place in range(settings.workers):
            if place not in at_work:
                worker = context.Process(target=work, args=(place,))
                worker.start()
                at_work[place] = worker, time.monotonic()
        wait([worker.sentinel for worker, _ in at_work.values()])
        for place, (worker, started_s) in list(at_work.items()):
            if not worker.is_alive():
                log(f"worker {worker.pid} ended with exit code {worker.exitcode}; another takes its place")
                del at_work[place]
                if time.monotonic() - started_s < PAUSE_S:
                    time.sleep(PAUSE_S)  # whatever ends it at once will not be better at once
                worker.close()

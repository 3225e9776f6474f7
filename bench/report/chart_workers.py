"""Processes that help with a report: its charts take most of its time, and need nothing of each other.

They end with us, however we end.
"""

import contextlib
import functools
import gc
import multiprocessing.context
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from bench.store.errors import StoreError
from bench.store.reader import read_run
from bench.store.run_folder import RunFolder

if TYPE_CHECKING:  # the helpers are to start before we import them, see below
    import pandas as pd

    from bench.report.charts.catalogue import Wanted

_MOST = 4  # of a dozen charts the slowest takes a sixth of the time: more processes would wait for that one
_OF_SERVER = {
    "PYTHONSAFEPATH": "1",  # no modules from the current folder, which may be a run that somebody sent
    "OPENBLAS_NUM_THREADS": "1",  # none that forks would lose
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart as the two files that it becomes."""

    wanted: "Wanted"
    png: bytes
    svg: bytes


class Helpers:
    """Those that help with the report of one folder. Every method raises StoreError if they cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._processes = min(_MOST, len(os.sched_getaffinity(0)))
        self._pool = ProcessPoolExecutor(self._processes, _server(), _begin, (path,))
        # From a thread, for it waits until the server has imported everything; and a Ctrl-C meanwhile, which is raised
        # in the main thread alone, would leave the pool with a process that it does not know.
        self._starter = ThreadPoolExecutor(1)
        self._started = self._starter.submit(self._start)

    def _start(self) -> None:
        for _ in range(self._processes):  # one is started for a task that finds all others busy
            self._pool.submit(os.getpid)

    def draw(self, summary: "pd.DataFrame", comparisons: "pd.DataFrame", wanted: "Sequence[Wanted]") -> list[Drawn]:
        """The charts that are wanted, but for those that turn out to have no numbers."""
        with _told(self._path):
            self._started.result()
            tasks = [self._pool.submit(_drawn, self._path, summary, comparisons, one) for one in wanted]
            return [found for task in tasks if (found := task.result())]

    def end(self) -> None:
        """Let them go, and see them end: a chart under way takes half a second. The rest is not drawn.

        Not to be interrupted, nor left to the interpreter's end: a Ctrl-C there was seen to leave all waiting for ever.
        """
        with _no_ctrl_c():
            self._starter.shutdown()
            self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def helpers(folder: RunFolder) -> Iterator[Helpers]:
    """Start their server: first of all, for it takes as long to import what they need as we to import our own."""
    with _told(folder.path):
        with _inherited():
            _server()
            forkserver.ensure_running()
        ours = Helpers(folder.path)
    try:
        yield ours
    finally:
        ours.end()


def _server() -> multiprocessing.context.ForkServerContext:
    """What helpers are forked from.

    Not forked from us, for the libraries of numbers have threads by now, which a fork would lose; nor each started
    afresh, for what they import takes longer than a chart. A server imports it once, and they are forked from that.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["__main__", "bench.report.charts.builders"])
    return server


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in one line that they cannot help, and why."""
    comfort = f"nothing measured is lost; to try again: holabench report {path}"
    try:
        yield
    except BrokenProcessPool as error:
        raise StoreError(f"{path}: a helper ended, perhaps for want of memory; {comfort}") from error
    except OSError as error:  # no process or no shared memory to be had; or what they read is gone
        raise StoreError(f"{path}: its charts cannot be drawn: {error.strerror or error}; {comfort}") from error


@contextlib.contextmanager
def _inherited() -> Iterator[None]:
    """What the server of forks is to inherit, for a moment: multiprocessing has no arguments for it."""
    before = {name: os.environ.get(name) for name in _OF_SERVER}
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    os.environ.update(_OF_SERVER)
    try:
        resource_tracker.ensure_running()  # here, for it ends by letting Ctrl-C through
        # At the terminal it is for us alone. Held back, not ignored: ours comes when this is over; theirs never does.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


@contextlib.contextmanager
def _no_ctrl_c() -> Iterator[None]:
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _begin(path: Path) -> None:
    """What each process does first."""
    threading.Thread(target=_end_with_us, daemon=True).start()
    # The SVG has the letter all the same, as text; and what is told comes from us alone.
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")
    gc.freeze()  # what was imported stays: to look through it again and again took a tenth of the time of charts
    with contextlib.suppress(StoreError):  # the first task will tell it
        _raw(path)


def _end_with_us() -> None:
    """Wait for the end of the process that is helped. Its pool ends its helpers only if it can: not after SIGKILL.

    No signal of the kernel's (prctl) does it: a helper's parent is the server of forks, which ends after its children.
    """
    us = multiprocessing.parent_process()
    assert us is not None, "runs in a helper"
    us.join()
    os._exit(1)


@functools.cache
def _raw(path: Path) -> "tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]":
    run = read_run(path)
    return run.histograms, run.trials, run.slices


def _drawn(path: Path, summary: "pd.DataFrame", comparisons: "pd.DataFrame", one: "Wanted") -> Drawn | None:
    from bench.report.charts.builders import Tables, figure_of
    from bench.report.charts.encode import encode_png, encode_svg
    from bench.report.charts.style import look

    with look():
        figure = figure_of(one, Tables(summary, comparisons, *_raw(path)))
        if figure is None:
            return None
        return Drawn(one, encode_png(figure), encode_svg(figure))

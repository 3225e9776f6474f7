"""Processes that help with a report: its charts take most of its time, each by itself, and so do the comparisons.

They end with us, however we end.
"""

import contextlib
import functools
import gc
import io
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.plan import apply_thresholds, reference_arms
from bench.store import RunFolder, StoreError

if TYPE_CHECKING:  # the helpers are to start before we import them, see below
    import pandas as pd

    from bench.charts.questions import Wanted

_MOST = 4  # of a dozen charts the slowest takes a sixth of the time: more processes would wait for that one
_DOTS_PER_INCH = 150
# In an SVG letters as text, not as outlines: half the size, and a reader can search and copy them; and the same run has
# the same ids. In a PNG they are not hinted: at this many dots nobody sees it, and it takes a quarter of their time.
_LOOK: Any = {"svg.fonttype": "none", "svg.hashsalt": "holabench", "text.hinting": "none"}
_FASTER_PNG = {"compress_level": 3}  # 3 % larger, in two thirds of the time
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

    def __init__(self, pool: ProcessPoolExecutor, path: Path) -> None:
        self._pool = pool
        self._path = path
        self._comparing = pool.submit(_compared, path)  # nothing is needed for that but the folder

    def comparisons(self) -> "pd.DataFrame":
        """What ``analyse.compare`` finds in the folder."""
        with _told(self._path):
            return self._comparing.result()

    def draw(self, summary: "pd.DataFrame", comparisons: "pd.DataFrame", wanted: "Sequence[Wanted]") -> list[Drawn]:
        """The charts that are wanted, but for those that turn out to have no numbers."""
        with _told(self._path):
            tasks = [self._pool.submit(_drawn, self._path, summary, comparisons, one) for one in wanted]
            return [found for task in tasks if (found := task.result())]


@contextlib.contextmanager
def helpers(folder: RunFolder) -> Iterator[Helpers]:
    """Start them: first of all, for they take as long to start as we to import what we need of our own."""
    # Not forked from us, for the libraries of numbers have threads by now, which a fork would lose; nor each started
    # afresh, for what they import takes longer than a chart. A server imports it once, and they are forked from that.
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["__main__", "bench.analyse", "bench.charts.figures"])
    processes = min(_MOST, len(os.sched_getaffinity(0)))
    with _environment(_OF_SERVER), _told(folder.path):
        pool = ProcessPoolExecutor(processes, server, _begin, (folder.path,))
        ours = Helpers(pool, folder.path)
        for _ in range(processes - 1):  # one is started for a task that finds all others busy
            pool.submit(os.getpid)
    try:
        yield ours
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # no need to see them end


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in one line that they cannot help."""
    comfort = f"nothing measured is lost; to try again: holabench report {path}"
    try:
        yield
    except BrokenProcessPool as error:
        raise StoreError(f"{path}: a helper ended, perhaps for want of memory; {comfort}") from error
    except OSError as error:  # no process, or no shared memory to be had
        raise StoreError(f"{path}: helpers cannot be started: {error.strerror or error}; {comfort}") from error


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these for a while, to pass them on: multiprocessing has no argument for them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin(path: Path) -> None:
    """What each process does first."""
    threading.Thread(target=_end_with_us, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started us
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
    folder = RunFolder.open(path)
    return folder.finished("histograms"), folder.trials(), folder.finished("slices")


def _compared(path: Path) -> "pd.DataFrame":
    from bench.analyse import compare

    plan = RunFolder.open(path).plan()
    apply_thresholds(plan)
    _, trials, slices = _raw(path)
    return compare(slices, trials, reference_arms(plan))


def _drawn(path: Path, summary: "pd.DataFrame", comparisons: "pd.DataFrame", one: "Wanted") -> Drawn | None:
    import matplotlib as mpl

    from bench.charts.figures import Tables, figure_of

    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(_LOOK):
        figure = figure_of(one, Tables(summary, comparisons, *_raw(path)))
        if figure is None:
            return None
        figure.savefig(png, format="png", dpi=_DOTS_PER_INCH, pil_kwargs=_FASTER_PNG)
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return Drawn(one, png.getvalue(), svg.getvalue())

"""Draw charts in worker processes.

Charts take most of the time of a report and do not depend on each other. With two CPUs, drawing them in workers halves
that time: importing matplotlib overlaps with reading and analysing the run, and charts are drawn on every CPU.
The workers exit with this process, even if it is killed.
"""

import contextlib
import multiprocessing.context
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.narrow_view import NarrowView
from bench.report.shared_tables import SharedTables, TablesAddress, load_tables
from bench.report.uncollected_imports import collect_the_rest
from bench.store.errors import StoreError
from bench.translation import current_language, use_language

if TYPE_CHECKING:  # pandas is slow to import, and the fork server has to start first
    from bench.report.charts.catalogue import ChartRequest, ChartTables

MAX_WORKERS = 4  # the slowest of a dozen charts takes a sixth of the time: more workers would wait for it
SERVER_ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",  # import nothing from the current folder: it may be an untrusted run folder
    "OPENBLAS_NUM_THREADS": "1",  # a fork would lose the threads of the library
}

_MAX_SOCKET_BYTES = 107  # of a path (unix(7)), without the closing zero
_SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")  # what multiprocessing adds to the temporary folder
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_PRELOADED = [
    "bench.report.charts.no_collection",
    "bench.report.charts.plain_matplotlib",
    "__main__",
    "bench.report.charts.builders",
    "bench.report.charts.encode",
    "matplotlib.backends.backend_svg",  # saving would import it
]
# Topics of charts that take longer than others, the longest first.
_SLOWEST = ("overload", "latency_over_time", "disturbed", "latency", "service", "mixed", "memory", "tail", "turns")


@dataclass(frozen=True, slots=True)
class DrawnChart:
    """A chart as the two files that are written, and what a page shows in a narrow window."""

    request: "ChartRequest"
    png: bytes
    svg: bytes
    narrow: NarrowView | None


class ChartError(StoreError):
    """The charts cannot be drawn. Everything else can be written."""


class ChartWorkers:
    """The worker processes that draw the charts of one run.

    failure: why they cannot even be started.
    """

    def __init__(self, path: Path, failure: ChartError | None = None) -> None:
        self._path = path
        self._failure = failure
        self._processes = min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        self._pool: ProcessPoolExecutor | None = None
        self._starter = ThreadPoolExecutor(1)
        self._shared = contextlib.ExitStack()
        self._tasks: list[Future[DrawnChart | None]] = []

    def start(self, tables: "ChartTables", requests: "Sequence[ChartRequest]") -> None:
        """Let the workers draw charts of some tables. ``charts`` raises what goes wrong.

        Call it as soon as some charts can be drawn, and again with the tables of others. Charts that take long are
        drawn first: a long one at the end would leave the other CPUs idle.
        """
        if self._failure is not None:
            return
        try:
            with _reporting_errors(self._path):
                pool = self._started_pool()
                shared = SharedTables(tables)
                self._shared.callback(shared.close)
                self._tasks += [pool.submit(_draw, request, shared.address) for request in sorted(requests, key=_place)]
        except ChartError as error:
            self._failure = error

    def charts(self) -> list[DrawnChart]:
        """Wait for the requested charts, in any order, without those for which there are no numbers.

        Raises ChartError.
        """
        if self._failure is not None:
            raise self._failure
        with _reporting_errors(self._path):
            return [chart for task in self._tasks if (chart := task.result())]

    def close(self) -> None:
        """Cancel charts that were not started, and wait until the workers have exited.

        A Ctrl-C has to wait: leaving the shutdown to the interpreter's exit was seen to hang forever.
        """
        with _ignoring_ctrl_c():
            self._starter.shutdown()
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            self._shared.close()

    def _started_pool(self) -> ProcessPoolExecutor:
        """Return the pool, and start its processes if they do not run yet."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._processes, _fork_server(), _initialise_worker, (current_language(),))
            # A thread starts the processes: Ctrl-C is raised in the main thread only. There it could interrupt the
            # pool between starting a process and noting it.
            self._starter.submit(self._start_processes, self._pool).result()
        return self._pool

    def _start_processes(self, pool: ProcessPoolExecutor) -> None:
        for _ in range(self._processes):  # the pool starts a process for each task while all others are busy
            pool.submit(os.getpid)


@contextlib.contextmanager
def chart_workers(path: Path) -> Iterator[ChartWorkers]:
    """Provide workers that draw the charts of the run in a folder.

    Enter this before importing pandas: the fork server then imports matplotlib while this process imports and reads.
    A server that cannot be started fails later: there are tables to write first.
    """
    failure = None
    try:
        with _reporting_errors(path), _server_environment():
            _fork_server()
            forkserver.ensure_running()
    except ChartError as error:
        failure = error
    workers = ChartWorkers(path, failure)
    try:
        yield workers
    finally:
        workers.close()


def _fork_server() -> multiprocessing.context.ForkServerContext:
    """Return the context that forks workers from a server.

    Forking this process instead would lose the threads of the numeric libraries. Starting each worker from scratch
    would take longer than drawing a chart.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


@contextlib.contextmanager
def _reporting_errors(path: Path) -> Iterator[None]:
    """Turn the errors of workers into a ChartError of one line."""
    hint = f"measurements are safe; retry with: holabench report {path}"
    try:
        yield
    except BrokenProcessPool as error:
        raise ChartError(f"{path}: a chart worker exited, possibly out of memory; {hint}") from error
    except OSError as error:  # e.g. no further process or no shared memory
        raise ChartError(f"{path}: cannot draw the charts: {error.strerror or error}; {hint}") from error


@contextlib.contextmanager
def _server_environment() -> Iterator[None]:
    """Set what the fork server inherits; multiprocessing offers no arguments for it."""
    environment = {name: os.environ.get(name) for name in SERVER_ENVIRONMENT}
    temporary_folder = tempfile.tempdir
    signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    os.environ.update(SERVER_ENVIRONMENT)
    tempfile.tempdir = _folder_for_socket()
    try:
        resource_tracker.ensure_running()  # before blocking SIGINT, because it ends by unblocking SIGINT
        # Ctrl-C at the terminal reaches all processes, and only this one reacts. Blocking delays it here and hides it
        # from the server and its workers for good.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        _restore_environment(environment)
        tempfile.tempdir = temporary_folder
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)


def _folder_for_socket() -> str:
    """Return the temporary folder, or another one if the path of the server's socket would be too long in it."""
    folders = [tempfile.gettempdir(), *_SHORT_FOLDERS]
    for folder in folders:
        if len(os.fsencode(folder)) + _SOCKET_NAME_BYTES <= _MAX_SOCKET_BYTES and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return folders[0]


def _restore_environment(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _place(request: "ChartRequest") -> int:
    """Return the place of a chart among those to draw: by the time that its topic takes."""
    return _SLOWEST.index(request.topic) if request.topic in _SLOWEST else len(_SLOWEST)


def _initialise_worker(language: str) -> None:
    """Prepare a worker process, which has the default language."""
    use_language(language)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    # The SVG contains the letter as text all the same, and only the parent prints warnings.
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")
    collect_the_rest()  # scanning imported modules again and again took a tenth of the time of the charts


def _exit_with_parent() -> None:
    """Wait until the process that made the pool has exited.

    The pool cannot stop its workers after SIGKILL.

    The kernel's parent-death signal (prctl) does not help: the parent of a worker is the fork server, which exits last.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"
    parent.join()
    os._exit(1)


def _draw(request: "ChartRequest", address: TablesAddress) -> DrawnChart | None:
    """Draw a chart in a worker process."""
    from bench.report.charts.builders import build_chart
    from bench.report.charts.encode import encode_png, encode_svg
    from bench.report.charts.narrow import narrow_view
    from bench.report.charts.style import look

    with look():
        figure = build_chart(request, load_tables(address))
        if figure is None:
            return None
        return DrawnChart(request, encode_png(figure), encode_svg(figure), narrow_view(figure))

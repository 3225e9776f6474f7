"""The architecture of each model, as the forms need it. Pure.

A model that is not listed, e.g. an external server, has no predictions.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from bench.analysis.predictions.interpreter_lock import DEFAULT_SWITCH_INTERVAL_S
from bench.analysis.predictions.slow_clients import FD_SETSIZE

MILLISECOND_S = 0.001  # step of a timeout of epoll and poll, and so of the loops above them


class Concurrency(StrEnum):
    """The way in which one process serves several clients."""

    LOOP = "loop"  # one thread, which computes for one request at a time
    THREADS = "threads"  # that share the interpreter lock
    PROCESSES = "processes"  # one for each client


@dataclass(frozen=True, slots=True)
class Architecture:
    """The facts of a model on which a prediction depends."""

    concurrency: Concurrency
    timer_step_s: float = 0.0  # of the sleep of a loop; 0 if it ends when a timer is due
    slots: int | None = None  # requests that can wait at a time; None: no limit
    client_holds_slot: bool = False  # a slot belongs to a client while it is connected, also between requests
    watched_descriptors: int | None = None  # descriptors that a process can watch; None: as many as it can open
    default_executor: bool = False  # the slots are the threads of asyncio's default executor
    several_workers: bool = False  # the server has several processes of this kind
    process_pool: bool = False  # computes in processes beside the loop
    switch_interval_s: float = DEFAULT_SWITCH_INTERVAL_S


_MS_LOOP = Architecture(Concurrency.LOOP, MILLISECOND_S)
_THREADS = Architecture(Concurrency.THREADS)
_PROCESSES = Architecture(Concurrency.PROCESSES)
_SELECT = Architecture(Concurrency.LOOP, watched_descriptors=FD_SETSIZE)  # its timeout is in microseconds
_LOOPS_IN_MS = (
    "anyio",
    "asyncio",
    "asyncio_buffered",
    "asyncio_reader",
    "asyncio_sockets",
    "asyncio_streams",
    "epoll",
    "epoll_edge",
    "gevent",
    "poll",
    "trio",
    "trio_streams",
    "twisted",
    "uvloop",
)

ARCHITECTURES: dict[str, Architecture] = {
    **dict.fromkeys(_LOOPS_IN_MS, _MS_LOOP),
    "select": _SELECT,
    "multiprocessing": replace(_SELECT, several_workers=True),
    "prefork_asyncio": Architecture(Concurrency.LOOP, MILLISECOND_S, several_workers=True),
    "reuseport": Architecture(Concurrency.LOOP, MILLISECOND_S, several_workers=True),
    "iterative": Architecture(Concurrency.LOOP, slots=1, client_holds_slot=True),
    "asyncio_blocking": Architecture(Concurrency.LOOP, slots=1),
    "asyncio_to_thread": Architecture(Concurrency.THREADS, default_executor=True),
    "asyncio_process_pool": Architecture(Concurrency.LOOP, MILLISECOND_S, process_pool=True),
    "thread_per_client": _THREADS,
    "socketserver_threading": _THREADS,
    "thread_switch_interval": Architecture(Concurrency.THREADS, switch_interval_s=0.0005),
    "thread_pool": Architecture(Concurrency.THREADS, slots=64, client_holds_slot=True),
    "process_per_client": _PROCESSES,
    "socketserver_forking": Architecture(Concurrency.PROCESSES, slots=40, client_holds_slot=True),
}


# Over UDP these models wait for fewer requests at a time: their workers read one datagram after the other.
_UDP_SLOTS = {"multiprocessing": 1, "reuseport": 1, "thread_pool": 4}


def architecture_of(model: str, transport: str) -> Architecture | None:
    """Return the architecture of a model over a transport; None if it is not known."""
    architecture = ARCHITECTURES.get(model)
    if architecture is not None and transport == "udp" and model in _UDP_SLOTS:
        return replace(architecture, slots=_UDP_SLOTS[model])
    return architecture


def default_executor_threads(python: str, machine_cpus: int, server_cpus: int) -> int:
    """Return the threads of asyncio's default executor: min(32, CPUs + 4).

    python: as in the column of that name, e.g. ``cpython 3.11.7``. From 3.13 on, the CPUs are those that the server may
    use (``os.process_cpu_count``), before all of the machine.
    """
    version = python.rpartition(" ")[2].split(".")
    counts_own = len(version) > 1 and version[0] == "3" and version[1].isdigit() and int(version[1]) >= 13
    return min(32, (server_cpus if counts_own else machine_cpus) + 4)

"""The memory of one generator thread.

Python code uses it as numpy arrays, the compiled loop by its addresses.
"""

import socket
from dataclasses import dataclass

import numpy as np

from clients.engine.histogram_slots import SLOTS, Counts
from clients.engine.load_params import LoadParams
from clients.engine.raw_memory import Array
from clients.engine.records import ATTEMPT, CONNECTION, RAW, REQUEST
from clients.engine.thread_state import BINS, BLOCK, PHASE, WORDS, ThreadState


@dataclass(frozen=True, slots=True)
class Buffers:
    """The arrays behind the addresses of a thread's state: of one population of clients."""

    state: ThreadState
    population_number: int  # of the populations of the generator
    connections: Array  # CONNECTION
    primary: Counts  # shape (parts, SLOTS)
    histograms: Array  # HISTOGRAMS, shape ()
    bins: Counts  # shape (BINS, 2)
    never_answered: Counts  # shape (parts,)
    raw: Array  # RAW
    counters: Counts  # shape (len(COUNTERS.names),)
    schedule: Array  # SCHEDULE, shape ()
    progress: Array  # PROGRESS, shape ()
    arrivals: Array  # ARRIVALS, shape ()
    phases: Array  # PHASE, shape (phases + 2,), or none for a load without phases
    goodput: Counts  # shape (BINS, 3), or none
    kept: tuple[Array, ...]  # arrays that only the compiled loop reads; referenced here so that they stay


@dataclass(frozen=True, slots=True)
class ThreadShare:
    """One thread's share of a load."""

    poller: int  # epoll's descriptor
    numbers: range  # of its connections, unique in the whole generator
    address: Array  # of the server, see pack_address
    source: Array  # the first source address, if there are several
    sources: int
    parts: int  # number of equal parts of the window
    sizes: Counts  # of messages, shape (SIZES_DRAWN,)
    works: Array  # WORK, shape (kinds,)
    population: int = 0  # index among the populations of its thread
    population_number: int = 0  # among all populations


def bytes_needed(connections: int, threads: int, params: LoadParams) -> int:
    """Return the memory that grows with the number of connections, or of phases."""
    slots = connections * params.depth
    per_slot = params.message_bytes + REQUEST.itemsize + ATTEMPT.itemsize + 16 + 4
    of_phases = threads * (params.phases + 2) * PHASE.itemsize if params.phases else 0
    return of_phases + slots * per_slot + connections * (CONNECTION.itemsize + 24 * params.lost_remembered)


def make_buffers(share: ThreadShare, params: LoadParams, random: np.random.Generator) -> Buffers:
    """Allocate the memory of one thread. Raises MemoryError if there is not enough."""
    count = len(share.numbers)
    connections = np.zeros(count, CONNECTION)
    connections["fd"] = connections["stale_fd"] = -1
    connections["free_slots"] = params.depth
    arrays = {
        "connections": connections,
        "requests": np.zeros((count, params.depth), REQUEST),
        "payload": _make_payload(share.numbers, params, random),
        "free_slots": np.tile(np.arange(params.depth, dtype=np.int32), count),
        "queue": np.zeros((count * params.depth, 2), np.int64),
        "given_up": np.zeros((count, params.lost_remembered, 3), np.int64),
        "primary": np.zeros((share.parts, SLOTS), np.int64),
        "raw": np.zeros(params.raw_room, RAW),
    }
    arrays["raw"]["connection"] = -1  # touch the pages now: a page first touched under load would make a request late
    phases = np.zeros(params.phases + 2 if params.phases else 0, PHASE)
    attempts = np.zeros(count * params.depth if params.phases or params.retries else 0, ATTEMPT)
    goodput = np.zeros((BINS if params.phases else 0, 3), np.int64)
    block = _make_block(share)
    for name, array in (("phases", phases), ("attempts", attempts), ("goodput", goodput)):
        block["identity"][name] = array.ctypes.data
    addresses = {name: array.ctypes.data for name, array in {**arrays, "block": block}.items()}
    return Buffers(
        ThreadState(poller=share.poller, connection_count=count, **addresses),
        share.population_number,
        connections=connections,
        primary=arrays["primary"],
        histograms=block["histograms"],
        bins=block["bins"],
        never_answered=block["never_answered"][: share.parts],
        raw=arrays["raw"],
        counters=block["counters"].reshape(1).view(np.int64),
        schedule=block["schedule"],
        progress=block["progress"],
        arrivals=block["arrivals"],
        phases=phases,
        goodput=goodput,
        kept=(block, attempts, *arrays.values()),
    )


def _make_payload(numbers: range, params: LoadParams, random: np.random.Generator) -> Array:
    """Return random messages that contain the connection's number.

    uint8, shape (connections, depth, message_bytes).
    """
    payload = random.integers(0, 256, (len(numbers), params.depth, params.message_bytes), np.uint8)
    if params.message_bytes >= params.header_bytes:
        payload[:, :, params.number_at - 4 : params.number_at] = (
            np.asarray(numbers, np.uint32).view(np.uint8).reshape(-1, 1, 4)
        )
    return payload


def _make_block(share: ThreadShare) -> Array:
    """Make the memory of fixed size: BLOCK, shape ()."""
    block = np.zeros((), BLOCK)
    size = len(share.address)
    identity = block["identity"]
    identity["first_number"] = share.numbers.start
    identity["stride"] = share.numbers.step
    identity["family"] = int(share.address[:2].view(np.uint16)[0])
    identity["address_bytes"] = size
    identity["sources"] = share.sources
    identity["population"] = share.population
    block["address"][:size] = share.address
    block["source"][: len(share.source)] = share.source
    block["words"] = np.frombuffer(WORDS, np.uint8)
    block["sizes"] = share.sizes
    block["works"][: len(share.works)] = share.works
    return block


def pack_address(host: str, port: int) -> Array:
    """Return the kernel's form of an address (sockaddr_in, sockaddr_in6).

    host: a numeric IPv4 or IPv6 address.
    """
    port_bytes = port.to_bytes(2, "big")
    if ":" in host:
        family, rest = socket.AF_INET6, bytes(4) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    else:
        family, rest = socket.AF_INET, socket.inet_pton(socket.AF_INET, host) + bytes(8)
    return np.frombuffer(np.uint16(family).tobytes() + port_bytes + rest, np.uint8).copy()

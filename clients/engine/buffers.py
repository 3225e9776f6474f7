"""The memory of one generator thread: numpy arrays on this side, addresses of them for the compiled loop."""

import socket
from dataclasses import dataclass

import numpy as np

from clients.engine.histogram_slots import SLOTS, Counts
from clients.engine.raw_memory import Array
from clients.engine.thread_state import (
    BLOCK,
    CONNECTION,
    HEADER_BYTES,
    HISTOGRAMS,
    RAW,
    REQUEST,
    WORDS,
    LoadParams,
    ThreadState,
)


@dataclass(frozen=True, slots=True)
class Buffers:
    """What a lane's addresses point to; shapes and types are told in ``clients.engine.thread_state``."""

    lane: ThreadState
    connections: Array
    headline: Counts  # shape (parts, SLOTS)
    histograms: dict[str, Counts]  # the others
    bins: Counts  # shape (BINS, 2)
    missed: Counts  # shape (parts,)
    raw: Array
    tally: Counts
    schedule: Counts
    arrivals: Array
    others: tuple[Array, ...]  # not looked at from here, but to be kept


@dataclass(frozen=True, slots=True)
class Share:
    """What one lane of several has to do."""

    poller: int  # epoll's descriptor
    numbers: range  # of its connections, unique in the whole generator
    address: Array  # of the server, see pack_address
    source: Array  # the first source address, if there are several
    sources: int
    parts: int  # into how many equal parts the window is divided
    sizes: Counts  # of messages, shape (SIZES_DRAWN,)


def bytes_needed(connections: int, load: LoadParams) -> int:
    """Memory for so many connections: what grows with their number, and so could be too much."""
    slots = connections * load.depth
    per_slot = load.message_bytes + REQUEST.itemsize + 16 + 4
    return slots * per_slot + connections * (CONNECTION.itemsize + 16 * load.lost_remembered)


def make_buffers(share: Share, load: LoadParams, random: np.random.Generator) -> Buffers:
    """Make the memory of one lane. Raises MemoryError if there is not enough."""
    count, numbers = len(share.numbers), share.numbers
    connections = np.zeros(count, CONNECTION)
    connections["fd"] = connections["stale_fd"] = -1
    connections["free"] = load.depth
    payload = random.integers(0, 256, (count, load.depth, load.message_bytes), np.uint8)
    if load.message_bytes >= HEADER_BYTES:
        heads = np.asarray(numbers, np.uint32).view(np.uint8).reshape(-1, 1, 4)
        payload[:, :, :4] = heads
    arrays = {
        "connections": connections,
        "requests": np.zeros((count, load.depth), REQUEST),
        "payload": payload,
        "free": np.tile(np.arange(load.depth, dtype=np.int32), count),
        "turns": np.zeros((count * load.depth, 2), np.int64),
        "lost": np.zeros((count, load.lost_remembered, 2), np.int64),
        "headline": np.zeros((share.parts, SLOTS), np.int64),
        "raw": np.zeros(load.raw_room, RAW),
    }
    arrays["raw"]["connection"] = -1  # written to now: a page first touched under load would make a request late
    block = _make_block(share)
    addresses = {name: array.ctypes.data for name, array in {**arrays, "block": block}.items()}
    return Buffers(
        ThreadState(poller=share.poller, total=count, **addresses),
        connections=connections,
        headline=arrays["headline"],
        histograms={name: block[name] for name in HISTOGRAMS},
        bins=block["bins"],
        missed=block["missed"][: share.parts],
        raw=arrays["raw"],
        tally=block["tally"],
        schedule=block["schedule"],
        arrivals=block["arrivals"],
        others=(block, *arrays.values()),
    )


def _make_block(share: Share) -> Array:
    """Make what has a fixed size. Shape (): its fields are arrays."""
    block = np.zeros((), BLOCK)
    size = len(share.address)
    block["facts"] = (
        share.numbers.start,
        share.numbers.step,
        int(share.address[:2].view(np.uint16)[0]),
        size,
        share.sources,
    )
    block["address"][:size] = share.address
    block["source"][: len(share.source)] = share.source
    block["words"] = np.frombuffer(WORDS, np.uint8)
    block["sizes"] = share.sizes
    return block


def pack_address(host: str, port: int) -> Array:
    """Return the kernel's form of an address (sockaddr_in, sockaddr_in6). host: a numeric IPv4 or IPv6 address."""
    port_bytes = port.to_bytes(2, "big")
    if ":" in host:
        family, rest = socket.AF_INET6, bytes(4) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    else:
        family, rest = socket.AF_INET, socket.inet_pton(socket.AF_INET, host) + bytes(8)
    return np.frombuffer(np.uint16(family).tobytes() + port_bytes + rest, np.uint8).copy()

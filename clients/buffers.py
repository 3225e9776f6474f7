"""The memory of one generator thread: numpy arrays on this side, addresses of them for the compiled loop."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clients.histogram import SLOTS, Counts
from clients.lane import (
    CONNECTION,
    EVENTS_AT_ONCE,
    HEADER_BYTES,
    LOST_REMEMBERED,
    RECEIVE_BYTES,
    TALLY,
    Lane,
    Load,
)
from clients.libc import EVENT_WORDS
from clients.memory import Array
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA


@dataclass(frozen=True, slots=True)
class Buffers:
    """What a lane's addresses point to; shapes and types are told in ``clients.lane``."""

    lane: Lane
    connections: Array
    service: Counts  # shape (parts, SLOTS)
    connect: Counts
    tally: Counts
    schedule: Counts
    others: tuple[Array, ...]  # not looked at from here, but to be kept


def make_buffers(
    poller: int, numbers: Sequence[int], load: Load, address: Array, parts: int, random: np.random.Generator
) -> Buffers:
    """Make the memory for connections ``numbers`` (unique in the whole generator) to one server.

    address: see pack_address. parts: into how many equal parts the window is divided.
    """
    count = len(numbers)
    connections = np.zeros(count, CONNECTION)
    connections["fd"] = -1
    payload = random.integers(0, 256, (count, load.message_bytes), np.uint8)
    if load.message_bytes >= HEADER_BYTES:
        payload[:, :4] = np.asarray(numbers, np.uint32).view(np.uint8).reshape(-1, 4)
    arrays = {
        "address": address.copy(),
        "words": np.frombuffer(HOLA + ADIOS + PUES_HOLA + PUES_ADIOS, np.uint8).copy(),
        "payload": payload,
        "received": np.zeros(RECEIVE_BYTES, np.uint8),
        "connections": connections,
        "events": np.zeros(EVENTS_AT_ONCE * EVENT_WORDS, np.uint32),
        "event": np.zeros(EVENT_WORDS, np.uint32),
        "option": np.zeros(2, np.int32),
        "lost": np.zeros((count, LOST_REMEMBERED), np.int64),
        "service": np.zeros((parts, SLOTS), np.int64),
        "connect": np.zeros(SLOTS, np.int64),
        "tally": np.zeros(len(TALLY), np.int64),
        "schedule": np.zeros(4, np.int64),
        "clock": np.zeros(2, np.int64),
    }
    lane = Lane(
        poller=poller,
        total=count,
        family=int(address[:2].view(np.uint16)[0]),
        address_bytes=len(address),
        **{name: array.ctypes.data for name, array in arrays.items()},
    )
    return Buffers(
        lane,
        connections=arrays["connections"],
        service=arrays["service"],
        connect=arrays["connect"],
        tally=arrays["tally"],
        schedule=arrays["schedule"],
        others=tuple(arrays.values()),
    )


def pack_address(host: str, port: int) -> Array:
    """Return the kernel's form of an address (sockaddr_in, sockaddr_in6). host: a numeric IPv4 or IPv6 address."""
    port_bytes = port.to_bytes(2, "big")
    if ":" in host:
        family, rest = socket.AF_INET6, bytes(4) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    else:
        family, rest = socket.AF_INET, socket.inet_pton(socket.AF_INET, host) + bytes(8)
    return np.frombuffer(np.uint16(family).tobytes() + port_bytes + rest, np.uint8).copy()

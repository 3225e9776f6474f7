"""A server of the protocol work as a thread of the test: it answers each frame after its wait."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

HEADER = struct.Struct("<IIQII")


class Frame(NamedTuple):
    """The header of a request, and all of its bytes."""

    size: int
    connection: int
    number: int
    wait_us: int
    compute: int
    content: bytes


def parse_frame(content: bytes) -> Frame:
    """Return the fields of one whole frame."""
    size, connection, number, wait_us, compute = HEADER.unpack_from(content)
    return Frame(size, connection, number, wait_us, compute, content)


def read_frames(conn: socket.socket) -> Iterator[Frame]:
    """Yield the frames of a connection until the client closes."""
    pending = b""
    while data := conn.recv(65536):
        pending += data
        while len(pending) >= HEADER.size and len(pending) >= (size := int.from_bytes(pending[:4], "little")):
            yield parse_frame(pending[:size])
            pending = pending[size:]


def answer_frames(conn: socket.socket, seen: Callable[[Frame], object] = lambda _: None) -> None:
    """Answer each frame after its wait. seen: called with each frame before the wait."""
    for frame in read_frames(conn):
        seen(frame)
        if frame.wait_us:
            time.sleep(frame.wait_us / 1e6)
        conn.sendall(frame.content)

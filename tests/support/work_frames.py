"""Frames of the protocol ``work``, stated again: nothing here comes from the servers."""

import struct

HEADER = struct.Struct("<IIQII")  # length, connection, number, wait in us, computing
MAX_FRAME_BYTES = 1 << 20
MAX_WAIT_US = 60_000_000
MAX_UNITS = 60_000_000
RELEASE = 1 << 31  # the kind of computing that releases the interpreter lock
ERROR_CONNECTION = 0xFFFFFFFF


def make_frame(
    payload: bytes = b"", *, connection: int = 1, number: int = 0, wait_us: int = 0, compute: int = 0
) -> bytes:
    """Return a request, which is also its reply."""
    return HEADER.pack(HEADER.size + len(payload), connection, number, wait_us, compute) + payload


def set_length(frame: bytes, length: int) -> bytes:
    """Return the frame with another value in its length field."""
    return length.to_bytes(4, "little") + frame[4:]


def error_reason(reply: bytes) -> str:
    """Return the reason in an error reply, and fail if it is anything else."""
    length, *fields = HEADER.unpack_from(reply)
    assert length == len(reply)
    assert fields == [ERROR_CONNECTION, 0, 0, 0]
    return reply[HEADER.size :].decode("ascii")


FRAME = make_frame(b"payload", number=7)
MALFORMED = [
    (set_length(FRAME, 0), "a length of 0 bytes"),
    (set_length(FRAME, 23), "a length of 23 bytes"),
    (set_length(FRAME, MAX_FRAME_BYTES + 1), "a length of 1048577 bytes"),
    (set_length(FRAME, 0xFFFFFFFF), "a length of 4294967295 bytes"),
    (make_frame(wait_us=MAX_WAIT_US + 1), "a wait of 60000001 us"),
    (make_frame(wait_us=0xFFFFFFFF), "a wait of 4294967295 us"),
    (make_frame(compute=MAX_UNITS + 1), "60000001 units of computing"),
    (make_frame(compute=RELEASE | MAX_UNITS + 1), "60000001 units of computing"),
]

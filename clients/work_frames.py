"""Frames of the protocol work, for the protocol check. The compiled loop writes its own."""

import struct

from clients.load_spec import LoadSpec
from clients.protocols import ERROR_CONNECTION, RELEASES_LOCK, WORK_HEADER_BYTES

_HEADER = struct.Struct("<IIQII")  # length, connection, number, wait in microseconds, compute


def make_frame(spec: LoadSpec, message: bytes, number: int, wait_us: int = 0, units: int = 0) -> bytes:
    """Return a request. The end of ``message`` is its payload; the frame is as long as the message, or a header."""
    size = max(len(message), WORK_HEADER_BYTES)
    compute = units | (RELEASES_LOCK if spec.compute_kind == "release" else 0)
    return _HEADER.pack(size, 0, number, wait_us, compute) + message[WORK_HEADER_BYTES:]


def error_reason(data: bytes) -> str:
    """Return the reason in an error reply, or "" if the data is none."""
    if len(data) < WORK_HEADER_BYTES:
        return ""
    size, connection, number, wait_us, compute = _HEADER.unpack_from(data)
    if connection != ERROR_CONNECTION or number or wait_us or compute or size > len(data):
        return ""
    return data[WORK_HEADER_BYTES:size].decode("ascii", "backslashreplace")

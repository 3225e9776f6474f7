"""A load's time stamps and histogram, as files that other tools read."""

import base64
import struct
import time
import zlib
from pathlib import Path

import numpy as np

from clients.cli_load import Outcome
from clients.engine.histogram_slots import HIGHEST_NS, SLOTS, Counts
from clients.engine.raw_memory import Array
from clients.histogram import highest_ns

_ENCODING_COOKIE = 0x1C849303 | 0x10  # HdrHistogram's V2 encoding, counts as zig-zag LEB128
_COMPRESSED_COOKIE = 0x1C849304 | 0x10
_DIGITS = 3


def write_raw(path: Path, raw: Array) -> None:
    """Write a row for each request: a numpy array (.npy), or a table with a header (.csv)."""
    if path.suffix == ".npy":
        np.save(path, raw)
        return
    header = ",".join(raw.dtype.names or ())
    np.savetxt(path, raw, fmt="%d", delimiter=",", header=header, comments="")


def write_hdr_log(path: Path, outcome: Outcome) -> None:
    """Write one interval in HdrHistogram's log format 1.3: values in nanoseconds, shown in microseconds."""
    slots = np.flatnonzero(outcome.headline)
    highest = float(highest_ns(slots[-1:])[0]) / 1e3 if len(slots) else 0.0
    duration_s = outcome.document["duration_s"]
    wall_s = time.time() - (time.monotonic() - outcome.start_s)
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {wall_s:.3f} (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
        f"0.000,{duration_s:.3f},{highest:.3f},{encoded(outcome.headline)}",
    ]
    path.write_text("\n".join(lines) + "\n")


def encoded(counts: Counts) -> str:
    """A histogram in HdrHistogram's V2 compressed form, as text. counts: shape (SLOTS,)."""
    payload = b"".join(_varints(counts))
    head = struct.pack(">iiiiqqd", _ENCODING_COOKIE, len(payload), 0, _DIGITS, 1, HIGHEST_NS, 1.0)
    packed = zlib.compress(head + payload)
    return base64.b64encode(struct.pack(">ii", _COMPRESSED_COOKIE, len(packed)) + packed).decode()


def _varints(counts: Counts) -> list[bytes]:
    """Counts up to the last that is not zero; a run of zeros is one negative number."""
    used = int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0
    assert used <= SLOTS
    found, zeros = [], 0
    for count in counts[:used].tolist():
        if count == 0:
            zeros += 1
            continue
        if zeros:
            found.append(_varint(-zeros))
            zeros = 0
        found.append(_varint(count))
    return found


def _varint(value: int) -> bytes:
    """Zig-zag LEB128 in at most nine bytes."""
    rest = (value << 1) ^ (value >> 63)
    written = bytearray()
    while rest > 0x7F and len(written) < 8:
        written.append((rest & 0x7F) | 0x80)
        rest >>= 7
    written.append(rest & 0xFF)
    return bytes(written)

"""Write raw time stamps and histograms as files that other tools read."""

import base64
import struct
import time
import zlib
from pathlib import Path

import numpy as np

from clients.cli_load import LoadResult
from clients.engine.histogram_slots import HIGHEST_NS, SLOTS, Counts
from clients.engine.raw_memory import Array
from clients.histogram import highest_ns, used_slots

_ENCODING_COOKIE = 0x1C849303 | 0x10  # HdrHistogram's V2 encoding, counts as zig-zag LEB128
_COMPRESSED_COOKIE = 0x1C849304 | 0x10
_DIGITS = 3


def write_raw(path: Path, raw: Array) -> None:
    """Write one row per request to a .npy or .csv file.

    A .npy file is a numpy array; a .csv file is a table with a header.
    """
    if path.suffix == ".npy":
        np.save(path, raw)
        return
    header = ",".join(raw.dtype.names or ())
    np.savetxt(path, raw, fmt="%d", delimiter=",", header=header, comments="")


def write_hdr_log(path: Path, result: LoadResult) -> None:
    """Write one interval in HdrHistogram's log format 1.3.

    Values are in nanoseconds, the maximum in microseconds.
    """
    slots = used_slots(result.primary)
    max_us = float(highest_ns(slots[-1:])[0]) / 1e3 if len(slots) else 0.0
    duration_s = result.document["duration_s"]
    wall_s = time.time() - (time.monotonic() - result.start_s)
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {wall_s:.3f} (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
        f"0.000,{duration_s:.3f},{max_us:.3f},{encode_hdr(result.primary)}",
    ]
    path.write_text("\n".join(lines) + "\n")


def encode_hdr(counts: Counts) -> str:
    """Return a histogram in HdrHistogram's V2 compressed form, as text.

    counts: shape (SLOTS,).
    """
    payload = b"".join(_varints(counts))
    head = struct.pack(">iiiiqqd", _ENCODING_COOKIE, len(payload), 0, _DIGITS, 1, HIGHEST_NS, 1.0)
    packed = zlib.compress(head + payload)
    return base64.b64encode(struct.pack(">ii", _COMPRESSED_COOKIE, len(packed)) + packed).decode()


def _varints(counts: Counts) -> list[bytes]:
    """Encode the counts up to the last that is not zero.

    A run of zeros is one negative number.
    """
    used = int(used_slots(counts)[-1]) + 1 if counts.any() else 0
    assert used <= SLOTS
    encoded, zeros = [], 0
    for count in counts[:used].tolist():
        if count == 0:
            zeros += 1
            continue
        if zeros:
            encoded.append(_varint(-zeros))
            zeros = 0
        encoded.append(_varint(count))
    return encoded


def _varint(value: int) -> bytes:
    """Return a number as zig-zag LEB128, in at most nine bytes."""
    rest = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while rest > 0x7F and len(encoded) < 8:
        encoded.append((rest & 0x7F) | 0x80)
        rest >>= 7
    encoded.append(rest & 0xFF)
    return bytes(encoded)

"""Fixed amounts of computing.

A unit is the same number of steps everywhere. So a faster interpreter finishes sooner,
and a server that loses its CPU takes longer. ``python -m servers measure-units`` prints what a unit takes.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Chosen so that a unit of either kind took about 1 us under CPython 3.11 on a virtual machine with 2.1 GHz (2026).
LOOP_STEPS = 24  # of Python code in a unit that holds the interpreter lock: 42 to 46 ns each
HASH_BYTES = 2_048  # hashed in a unit that releases it, 0.54 ns each; hashlib keeps the lock for less than this
PIECE_UNITS = 512  # hashed in one call, 1 MiB: after each call the thread waits for the lock
MEASURED_UNITS = 20_000
REPETITIONS = 15


def hold_lock(units: int) -> int:
    """Run a loop of pure Python, during which no other thread of the process runs Python."""
    value = 1
    for _ in range(units * LOOP_STEPS):
        value = value * 5 + 1 & 0xFFFF
    return value  # so that no compiler can leave the loop out


def release_lock(units: int) -> bytes:
    """Hash zero bytes with SHA-256, during which other threads of the process can run."""
    import hashlib  # loads OpenSSL: 4 MB that only servers need whose requests ask for this

    digest = hashlib.sha256()
    piece = _zeros(min(units, PIECE_UNITS) * HASH_BYTES)
    for _ in range(units // PIECE_UNITS):
        digest.update(piece)
    rest = units % PIECE_UNITS
    if rest:
        digest.update(memoryview(piece)[: rest * HASH_BYTES])
    return digest.digest()


_cached_zeros = b""


def _zeros(size: int) -> bytes:
    """Return at least this number of zero bytes. They are kept: each process maps them once."""
    global _cached_zeros  # noqa: PLW0603 - a cache; two threads at worst fill it twice
    if len(_cached_zeros) < size:
        _cached_zeros = bytes(size)
    return _cached_zeros


def measure_units() -> dict[str, object]:
    """Return what a unit of each kind takes: best and median of several repetitions, in us."""
    return {
        "python": f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}",
        "units": MEASURED_UNITS,
        "repetitions": REPETITIONS,
        "lock": _unit_us(hold_lock),
        "release": _unit_us(release_lock),
    }


def _unit_us(compute: Callable[[int], object]) -> dict[str, float]:
    compute(MEASURED_UNITS)  # fills caches, and gives a just-in-time compiler the loop to compile
    durations_us = []
    for _ in range(REPETITIONS):
        start_ns = time.perf_counter_ns()
        compute(MEASURED_UNITS)
        durations_us.append((time.perf_counter_ns() - start_ns) / 1e3 / MEASURED_UNITS)
    durations_us.sort()
    return {"best_us": round(durations_us[0], 4), "median_us": round(durations_us[len(durations_us) // 2], 4)}

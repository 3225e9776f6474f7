"""Allocate the memory of a load, if the machine has enough of it."""

import os
from collections.abc import Sequence

import numpy as np

from clients.engine.buffers import Buffers, ThreadShare, bytes_needed, make_buffers, pack_address
from clients.engine.histogram_slots import SLOTS
from clients.engine.load_params import LoadParams
from clients.engine.raw_memory import Array
from clients.engine.records import RAW
from clients.engine.thread_state import SIZES_DRAWN, WORK
from clients.load_spec import LoadSpec, make_params
from clients.protocols import RELEASES_LOCK

_FIRST_SOURCE = "127.1.0.1"  # the others count up from 127.1.0.0
_MAX_MEMORY_SHARE = 0.5  # of the machine's memory, for messages and connections


def check_memory(specs: Sequence[LoadSpec], thread_count: int) -> None:
    """Raise MemoryError with a one-line message for a load that needs too much memory."""
    limit = _MAX_MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = [bytes_needed(spec.connections, thread_count, params_for(spec, thread_count)) for spec in specs]
    needed = [
        size + spec.raw_rows * RAW.itemsize + thread_count * spec.parts * SLOTS * np.dtype(np.int64).itemsize
        for size, spec in zip(needed, specs, strict=True)
    ]
    if sum(needed) > limit:
        spec = specs[needed.index(max(needed))]
        raise MemoryError(
            f"{spec.connections} connections with {spec.depth} messages of {max(spec.sizes)} bytes each and "
            f"{spec.raw_rows} raw rows need {max(needed) / 1e9:.1f} GB, and half of this machine's memory is "
            f"{limit / 1e9:.1f} GB: reduce one of them"
            + (f"; all populations need {sum(needed) / 1e9:.1f} GB" if len(specs) > 1 else "")
        )


def params_for(spec: LoadSpec, thread_count: int) -> LoadParams:
    """Return a load's parameters for each of several threads."""
    return make_params(spec, -(-spec.raw_rows // thread_count))


def allocate(
    specs: Sequence[LoadSpec], pollers: Sequence[int], sources: int
) -> list[tuple[LoadParams, list[Buffers | None]]]:
    """Return the parameters of each population, and its buffers for each thread; None where it has no connection.

    The connections of all populations have consecutive numbers. Number ``n`` belongs to thread ``n`` modulo the number
    of threads.
    """
    populations: list[tuple[LoadParams, list[Buffers | None]]] = []
    first, threads = 0, len(pollers)
    for spec in specs:
        params = params_for(spec, threads)
        populations.append((params, _make_all_buffers(spec, params, pollers, sources, first, populations)))
        first += spec.connections
    return populations


def _make_all_buffers(
    spec: LoadSpec,
    params: LoadParams,
    pollers: Sequence[int],
    sources: int,
    first: int,
    earlier: Sequence[tuple[LoadParams, list[Buffers | None]]],
) -> list[Buffers | None]:
    random = np.random.default_rng(spec.seed)
    sizes, weights = zip(*(spec.mix or ((spec.message_bytes, 1.0),)), strict=True)
    drawn = random.choice(np.asarray(sizes), SIZES_DRAWN, p=np.asarray(weights) / sum(weights))
    found: list[Buffers | None] = []
    for k, poller in enumerate(pollers):
        numbers = range(first + (k - first) % len(pollers), first + spec.connections, len(pollers))
        share = ThreadShare(
            poller=poller,
            numbers=numbers,
            address=pack_address(spec.host, spec.port),
            source=pack_address(_FIRST_SOURCE, 0),
            sources=sources,
            parts=spec.parts,
            sizes=drawn.astype(np.int64),
            works=make_works(spec),
            population=sum(buffers[k] is not None for _, buffers in earlier),
            population_number=len(earlier),
        )
        found.append(make_buffers(share, params, random) if numbers else None)
    return found


def make_works(spec: LoadSpec) -> Array:
    """Return the kinds of work of a load: WORK, shape (kinds,)."""
    works = np.zeros(len(spec.works), WORK)
    works["below"] = np.cumsum([weight for _, _, weight in spec.works]) / sum(weight for _, _, weight in spec.works)
    lock = RELEASES_LOCK if spec.compute_kind == "release" else 0
    words = [wait_us | (units | lock) << 32 for wait_us, units, _ in spec.works]
    works["wait_and_compute"] = np.array(words, np.uint64).view(np.int64)
    return works

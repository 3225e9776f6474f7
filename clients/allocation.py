"""Allocate the memory of a load, if the machine has enough of it."""

import os

import numpy as np

from clients.engine.buffers import Buffers, ThreadShare, bytes_needed, make_buffers, pack_address
from clients.engine.load_params import LoadParams
from clients.engine.raw_memory import Array
from clients.engine.records import RAW
from clients.engine.thread_state import SIZES_DRAWN, WORK
from clients.load_spec import LoadSpec
from clients.protocols import RELEASES_LOCK

_FIRST_SOURCE = "127.1.0.1"  # the others count up from 127.1.0.0
_MAX_MEMORY_SHARE = 0.5  # of the machine's memory, for messages and connections


def check_memory(spec: LoadSpec, params: LoadParams) -> None:
    """Raise MemoryError with a one-line message for a load that needs too much memory."""
    needed = bytes_needed(spec.connections, params) + spec.raw_rows * RAW.itemsize
    limit = _MAX_MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > limit:
        raise MemoryError(
            f"{spec.connections} connections with {spec.depth} messages of {params.message_bytes} bytes each and "
            f"{spec.raw_rows} raw rows need {needed / 1e9:.1f} GB, and half of this machine's memory is "
            f"{limit / 1e9:.1f} GB: reduce one of them"
        )


def make_all_buffers(spec: LoadSpec, params: LoadParams, pollers: list[int], sources: int) -> list[Buffers]:
    """Make the buffers of each thread.

    Connection ``n`` belongs to thread ``n`` modulo the number of threads.
    """
    random = np.random.default_rng(spec.seed)
    sizes, weights = zip(*(spec.mix or ((spec.message_bytes, 1.0),)), strict=True)
    drawn = random.choice(np.asarray(sizes), SIZES_DRAWN, p=np.asarray(weights) / sum(weights))
    shares = [
        ThreadShare(
            poller=poller,
            numbers=range(k, spec.connections, len(pollers)),
            address=pack_address(spec.host, spec.port),
            source=pack_address(_FIRST_SOURCE, 0),
            sources=sources,
            parts=spec.parts,
            sizes=drawn.astype(np.int64),
            works=make_works(spec),
        )
        for k, poller in enumerate(pollers)
    ]
    return [make_buffers(share, params, random) for share in shares]


def make_works(spec: LoadSpec) -> Array:
    """Return the kinds of work of a load: WORK, shape (kinds,)."""
    works = np.zeros(len(spec.works), WORK)
    works["below"] = np.cumsum([weight for _, _, weight in spec.works]) / sum(weight for _, _, weight in spec.works)
    lock = RELEASES_LOCK if spec.compute_kind == "release" else 0
    words = [wait_us | (units | lock) << 32 for wait_us, units, _ in spec.works]
    works["wait_and_compute"] = np.array(words, np.uint64).view(np.int64)
    return works

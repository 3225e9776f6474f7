"""Allocate the memory of a load, if the machine has enough of it."""

import os

import numpy as np

from clients.engine.buffers import Buffers, ThreadShare, bytes_needed, make_buffers, pack_address
from clients.engine.load_params import LoadParams
from clients.engine.records import RAW
from clients.engine.thread_state import SIZES_DRAWN
from clients.load_spec import LoadSpec

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
        )
        for k, poller in enumerate(pollers)
    ]
    return [make_buffers(share, params, random) for share in shares]

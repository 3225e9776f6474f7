"""The populations of one generator thread, and the compiled loop that loads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from clients.engine.buffers import Buffers
from clients.engine.connect_all import connect_all
from clients.engine.event_loop import run_load
from clients.engine.load_params import NORMAL, LoadParams
from clients.engine.populations import connect_population, run_populations
from clients.engine.raw_memory import Array

_MAX_CONNECT_NS = 60_000_000_000  # ``poll`` computes for 8.5 s until it has accepted 10,000
# Until the next connection opens. A server that has just started shares its CPU with the kernel, which may still free
# the ten thousand threads of the one before: three of twelve servers accepted nothing for two seconds.
_LEAST_PATIENCE_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class ThreadLoad:
    """The populations of one thread."""

    numbers: tuple[int, ...]  # of the populations that have connections in this thread
    buffers: tuple[Buffers, ...]
    params: tuple[LoadParams, ...]

    @classmethod
    def make(cls, populations: Sequence[tuple[LoadParams, Sequence[Buffers | None]]], thread: int) -> Self:
        """Return the part of a thread. populations: as ``clients.allocation.allocate`` returns them."""
        own = [(k, buffers[thread], params) for k, (params, buffers) in enumerate(populations)]
        present = [(k, buffers, params) for k, buffers, params in own if buffers is not None]
        numbers, all_buffers, all_params = zip(*present, strict=True)
        return cls(numbers, all_buffers, all_params)

    @property
    def is_plain(self) -> bool:
        """True if the loop of a single population can run the load. It costs less for each request."""
        first = self.params[0]
        return len(self.params) == 1 and first.behaviour == NORMAL and not first.phases

    def run(self) -> None:
        """Run the loop."""
        if self.is_plain:
            run_load(self.buffers[0].state, self.params[0])
        else:
            run_populations(*self._as_arrays())

    def connect(self, number: int, now_ns: int, patience_ns: int) -> int:
        """Open the connections of a population in this thread. Returns how many are open.

        patience_ns: how long to wait. For several populations: how long to wait for the next connection, at least 5 s.
        """
        if number not in self.numbers:
            return 0
        if self.is_plain:
            return connect_all(self.buffers[0].state, self.params[0], now_ns + patience_ns)
        patience_ns = max(patience_ns, _LEAST_PATIENCE_NS)
        deadline_ns = now_ns + max(patience_ns, _MAX_CONNECT_NS)
        return connect_population(*self._as_arrays(), self.numbers.index(number), deadline_ns, patience_ns)

    def _as_arrays(self) -> tuple[Array, Array]:
        return np.array([buffers.state for buffers in self.buffers]), np.array(self.params)

"""Straight lines through measured points: an extrapolation, and a description of costs by size. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def extrapolated_memory_mb(connections: int, fewest: tuple[int, float], next_fewest: tuple[int, float]) -> float:
    """Return the memory of a server in MB, extrapolated from its two smallest numbers of connections.

    fewest, next_fewest: connections and memory in MB. Each further connection is assumed to cost the same.
    """
    (first, first_mb), (second, second_mb) = fewest, next_fewest
    if second <= first:
        raise ValueError("the two points need different numbers of connections, fewest first")
    return first_mb + (connections - first) * (second_mb - first_mb) / (second - first)


@dataclass(frozen=True, slots=True)
class CostBySize:
    """CPU time per request as a + b bytes: a description of the measured values, which is fitted to them."""

    per_request_us: float
    per_byte_us: float
    largest_error: float  # relative, of the measured values

    def at_us(self, message_bytes: float) -> float:
        """Return the described CPU time of a request in microseconds."""
        return self.per_request_us + self.per_byte_us * message_bytes


def cost_by_size(sizes_bytes: Sequence[float], costs_us: Sequence[float]) -> CostBySize:
    """Return the line with the least relative errors (weighted least squares). It needs two sizes or more."""
    sizes, costs = np.asarray(sizes_bytes, dtype=float), np.asarray(costs_us, dtype=float)
    if len(set(sizes.tolist())) < 2:
        raise ValueError("a line needs at least two sizes")
    weighted = np.column_stack((1 / costs, sizes / costs))
    (a, b), *_ = np.linalg.lstsq(weighted, np.ones_like(costs), rcond=None)
    errors = np.abs((a + b * sizes) / costs - 1)
    return CostBySize(float(a), float(b), float(errors.max()))

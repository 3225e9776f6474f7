"""SplitMix64 in plain Python, to compute in advance what the compiled loop draws."""

import math
from collections.abc import Iterator
from itertools import islice

_WORD = (1 << 64) - 1


def words(seed: int) -> Iterator[int]:
    """Yield the generator's 64-bit words."""
    state = seed & _WORD
    while True:
        state = (state + 0x9E3779B97F4A7C15) & _WORD
        word = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _WORD
        word = ((word ^ word >> 27) * 0x94D049BB133111EB) & _WORD
        yield word ^ word >> 31


def uniforms(seed: int, count: int) -> list[float]:
    """Return numbers of [0, 1)."""
    return [(word >> 11) / 2.0**53 for word in islice(words(seed), count)]


def exponentials(seed: int, count: int) -> list[float]:
    """Return exponentially distributed numbers with the mean 1."""
    return [-math.log(1.0 - number) for number in uniforms(seed, count)]

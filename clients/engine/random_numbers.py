"""Random numbers for compiled code: SplitMix64, whose state is one word.

The schedule and the work of each load have a state of their own, so neither depends on the other, nor on other loads
in the same thread. numba's own generator has one state for each thread. Source: Steele, Lea & Flood, Fast splittable
pseudorandom number generators (OOPSLA 2014), figure 14.
"""

import math

from clients.engine.jit import jit_inline

# The paper's constants as signed words: compiled arithmetic on int64 wraps, and with uint64 it would become float.
_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_FIRST_FACTOR = 0xBF58476D1CE4E5B9 - (1 << 64)
_SECOND_FACTOR = 0x94D049BB133111EB - (1 << 64)
# A shift of a signed word copies its sign; these masks remove the copies.
_WITHOUT_30_BITS, _WITHOUT_27_BITS = (1 << 34) - 1, (1 << 37) - 1
_WITHOUT_31_BITS, _WITHOUT_11_BITS = (1 << 33) - 1, (1 << 53) - 1
_UNIT = 2.0**-53


@jit_inline
def next_state(random: int) -> int:
    """Return the state after ``random``."""
    return random + _GAMMA


@jit_inline
def uniform(random: int) -> float:
    """Return the random number of a state: at least 0, and below 1."""
    word = (random ^ ((random >> 30) & _WITHOUT_30_BITS)) * _FIRST_FACTOR
    word = (word ^ ((word >> 27) & _WITHOUT_27_BITS)) * _SECOND_FACTOR
    word ^= (word >> 31) & _WITHOUT_31_BITS
    return ((word >> 11) & _WITHOUT_11_BITS) * _UNIT


@jit_inline
def exponential(random: int) -> float:
    """Return the random number of a state, exponentially distributed with the mean 1."""
    return -math.log(1.0 - uniform(random))

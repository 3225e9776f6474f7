"""Waiting for other processes, and repeating disturbed measurements.

Every test that depends on time uses one of these two functions. Never sleep for a fixed time, and never assert a
duration. If another process needs a moment, ``wait_until`` polls a condition up to a deadline that only a broken test
reaches. If the machine may disturb a measurement, ``repeat_until`` measures again: a fault of the project affects every
repetition, a disturbance only some of them.
"""

import select
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Value = TypeVar("Value")

DEADLINE_S = 30.0  # far longer than any step of a test takes
POLL_S = 0.01


def wait_until(condition: Callable[[], object], expectation: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll until the condition holds. Fail with the expectation at the deadline."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"not within {deadline_s:g} s: {expectation}")
        select.select([], [], [], POLL_S)


def repeat_until(measure: Callable[[], Value], passes: Callable[[Value], bool], *, attempts: int) -> list[Value]:
    """Measure until a value passes, at most ``attempts`` times. Return all values."""
    values = [measure()]
    while not passes(values[-1]) and len(values) < attempts:
        values.append(measure())
    return values

"""Check how long the generator may take to answer."""

from collections.abc import Mapping
from typing import Any

import pytest

from bench.experiment.generator_process import Generator
from bench.machine.process_usage import UnknownUsage


class RecordingChild:
    """A child that answers at once, and records how long it might have taken."""

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []

    def read_line(self, timeout_s: float) -> dict[str, Any]:
        raise AssertionError(timeout_s)

    def ask(self, _: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        self.timeouts_s.append(timeout_s)
        slices = {"quiet": {"elapsed_s": 0.3}, "heavy": {"elapsed_s": 0.5}}
        return {"ok": True, "elapsed_s": 0.01, "slice": {"elapsed_s": 0.2}, "slices": slices, "connected": 1}


def make_generator(child: RecordingChild, longest_request_s: float) -> Generator:
    return Generator(child, longest_request_s, UnknownUsage().usage)


@pytest.mark.parametrize(("timeout_s", "retries"), [(0.5, 0), (10.0, 0), (10.0, 3), (60.0, 20)])
def test_slice_may_take_as_long_as_its_last_request(timeout_s: float, retries: int) -> None:
    """A request that is due at the end is sent up to a timeout later, and each copy then has a timeout."""
    child = RecordingChild()
    generator = make_generator(child, (1 + retries) * timeout_s)
    generator.slice("load", 7.0, 0.0, None)
    generator.slice_populations("load", 7.0, 0.0, None)
    assert min(child.timeouts_s) > 7.0 + (2 + retries) * timeout_s


def test_load_time_is_the_sum_of_all_slices_and_populations_load_together() -> None:
    generator = make_generator(RecordingChild(), 1.0)
    generator.warm("load", 0.005)
    generator.slice("load", 0.2, 0.0, None)
    generator.slice_populations("load", 0.3, 0.0, None)
    assert generator.load_s == pytest.approx(0.01 + 0.2 + 0.5)
    assert generator.repeated_s == 0.0


def test_discarded_slice_is_repeated_time_and_no_load() -> None:
    generator = make_generator(RecordingChild(), 1.0)
    for load in ("one", "other"):
        generator.slice(load, 0.2, 0.0, None)
        generator.slice(load, 0.2, 0.0, None)
    generator.discard("one")
    assert generator.load_s == pytest.approx(3 * 0.2)
    assert generator.repeated_s == pytest.approx(0.2)
    generator.discard("one")  # only the last slice can be discarded
    assert generator.repeated_s == pytest.approx(0.2)


def test_answer_to_settings_depends_on_their_own_timeout() -> None:
    child = RecordingChild()
    make_generator(child, 1.0).open("load", {"timeout_s": 300.0})
    assert child.timeouts_s[0] > 3 * 300.0

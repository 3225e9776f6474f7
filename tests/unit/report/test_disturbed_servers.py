import math

import pandas as pd
import pytest

from bench.analysis.disturbance import Disturbance, Effect
from bench.report.disturbed_servers import effects_in_words, kib_per_client
from bench.schema.arms import Arm

ASYNCIO, EPOLL, SELECT, POOL = (Arm.parse(f"{name}/tcp") for name in ("asyncio", "epoll", "select", "thread_pool"))


def test_effects_name_each_server_once() -> None:
    found = [
        Disturbance(ASYNCIO, Effect.IMMUNE, 1024, 1.1),
        Disturbance(EPOLL, Effect.DEGRADES, 256, 3.21),
        Disturbance(POOL, Effect.BREAKS, 64, before=16),
        Disturbance(SELECT, Effect.UNKNOWN, 0),
    ]
    assert effects_in_words(found) == (
        "immune up to 1024: asyncio; degrades: epoll from 256 on (3.21 times the p99); "
        "breaks: thread_pool between 16 and 64; not measured: select"
    )
    assert effects_in_words(found[-1:]) == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Disturbance(POOL, Effect.BREAKS, 64, before=16, predicted=64), "between 16 and 64 (as predicted)"),
        (Disturbance(POOL, Effect.BREAKS, 16, before=0, predicted=64), "between 0 and 16 (predicted: at 64)"),
        (Disturbance(POOL, Effect.IMMUNE, 256, 1.0, predicted=64), "(predicted to break at 64)"),
        (Disturbance(POOL, Effect.DEGRADES, 256, 3.0, predicted=64), "(predicted to break at 64) from 256 on"),
        (Disturbance(POOL, Effect.IMMUNE, 16, 1.0, predicted=64), "thread_pool"),
    ],
)
def test_effects_are_compared_with_their_prediction(found: Disturbance, words: str) -> None:
    text = effects_in_words([found])
    assert words in text
    assert ("predicted" in text) == ("predicted" in words)


def test_memory_per_client_is_a_slope_with_the_ends_of_both_intervals() -> None:
    rows = pd.DataFrame(
        {
            "connections": [1000, 0, 100, 10000],
            "median": [14.096, 10.0, 10.4, math.nan],
            "low": [14.0, 9.9, 10.3, math.nan],
            "high": [14.2, 10.1, 10.5, math.nan],
        }
    )
    estimate, low, high = kib_per_client(rows)
    assert estimate == pytest.approx(4.0)  # 4.096 MB are 4,000 KiB
    assert [low, high] == pytest.approx([3.9e6 / 1024 / 1000, 4.3e6 / 1024 / 1000])
    assert all(math.isnan(value) for value in kib_per_client(rows.iloc[:1]))

import pandas as pd
import pytest

from bench.analysis.connection_memory import ConnectionMemory
from bench.analysis.disturbance import Disturbance, Effect
from bench.analysis.statistics import Interval
from bench.report.charts.families import others_in_words
from bench.report.disturbed_servers import effects_in_words, memory_in_words
from bench.schema.arms import Arm

ASYNCIO, EPOLL, SELECT, POOL = (Arm.parse(f"{name}/tcp") for name in ("asyncio", "epoll", "select", "thread_pool"))


def test_effects_name_each_server_once() -> None:
    found = [
        Disturbance(ASYNCIO, Effect.IMMUNE, 1024, 1.1),
        Disturbance(EPOLL, Effect.DEGRADES, 256, 3.21),
        Disturbance(POOL, Effect.BREAKS, 64, before=16),
        Disturbance(SELECT, Effect.UNKNOWN, 0),
        Disturbance(Arm("poll", "tcp"), Effect.UNDECIDED, 1024),
    ]
    assert effects_in_words(found) == (
        "immune up to 1024: asyncio; degrades: epoll from 256 on (3.21 times the p99); "
        "breaks: thread_pool between 16 and 64; not decided: poll; not measured: select"
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


def test_each_part_of_the_memory_has_its_place_and_its_interval() -> None:
    memory = [
        ConnectionMemory("asyncio/tcp", "memory_mb", Interval(2.0, 1.9, 2.25, 0.97)),
        ConnectionMemory("asyncio/tcp", "opening_kernel_mb", Interval(-0.001, -0.1, 0.2, 0.97)),
        ConnectionMemory("select/tcp", "opening_kernel_mb", Interval(-33.6, -40.0, -0.1, 0.97)),
        ConnectionMemory("asyncio/tcp", "socket_mb", Interval(3.67, 3.67, 3.67, 0.97)),
        ConnectionMemory("native/tcp", "socket_mb", Interval(3.67, 3.67, 3.67, 0.97)),
        ConnectionMemory("select/tcp", "socket_mb", Interval(3.67, 3.66, 3.68, 0.97)),
    ]
    assert memory_in_words(memory) == [
        "in its processes asyncio 2.00 KiB [1.90, 2.25]",
        "in the kernel asyncio at most 0.20 KiB, select none measurable",
        "in its sockets asyncio 3.67 KiB, select 3.67 KiB [3.66, 3.68]",
    ]
    assert memory_in_words([]) == []


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 client that never reads a reply"), (96, "96 clients that never read a reply")]
)
def test_one_client_has_a_verb_of_its_own(count: int, words: str) -> None:
    row = {"population": "slow", "behaviour": "never_reads", "population_connections": count}
    assert others_in_words(pd.DataFrame([row])) == words

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from bench.block import Moment
from bench.progress import Standing, case_of, shown

from . import synthetic

RANDOM = np.random.default_rng(1)


def moment(arm: str, rate: float, block: int = 0) -> Moment:
    row = synthetic.slice_of(block, 0, arm, 16, "capacity", rate, RANDOM)
    return Moment(block, "capacity", 16, 0, replace(row, throughput_rps=rate))


def test_the_first_ranking_has_the_most_on_top_and_an_interval_from_two_blocks_on() -> None:
    standing = Standing()
    for block in range(2):
        for arm, rate in (
            ("select/tcp", 100.0),
            ("asyncio/tcp", 50.0),
            ("asyncio/tcp~twin", 51.0),
            ("select/udp", 9.0),
        ):
            standing.add(moment(arm, rate + block, block))
    case = case_of(moment("select/tcp", 1.0))
    ranking = standing.ranking(case, "tcp")
    assert [arm for arm, _, _ in ranking] == ["select/tcp", "asyncio/tcp"]
    assert ranking[0][1] == 100.5
    assert ranking[0][2] > 0
    one_block = Standing()
    one_block.add(moment("select/tcp", 1.0))
    assert math.isnan(one_block.ranking(case, "tcp")[0][2])


def test_a_sparkline_goes_from_nought_to_the_highest() -> None:
    standing = Standing()
    for rate in (1.0, 50.0, 100.0):
        standing.add(moment("select/tcp", rate))
    assert standing.sparkline(case_of(moment("select/tcp", 1.0)), "select/tcp") == "▁▅█"


@pytest.mark.parametrize("width", [40, 120])
def test_a_terminal_shows_bar_ranking_and_what_was_noticed(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width)
    with shown(console, slices=2, blocks=1) as tell:
        late = moment("select/tcp", 1e4)
        tell(Moment(0, "capacity", 16, 0, replace(late.row, run_delay_share=0.5)))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "select/tcp" in text
    assert "10.0k" in text
    assert "others had" in text


def test_without_a_terminal_each_case_is_a_line() -> None:
    console = Console(file=io.StringIO(), width=100)
    with shown(console, slices=2, blocks=1) as tell:
        for _ in range(3):
            tell(moment("select/tcp", 1e4))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "block 1 of 1: capacity, 16 connections, 64 bytes\n"

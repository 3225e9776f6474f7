import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.cli.interim_results import repeated_rounds
from bench.cli.progress import ProgressDisplay
from bench.experiment.observer import CaseFinished, SliceFinished
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.unit.cli.events import make_open_loop_slice, make_slice, make_trial


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 120])
def test_display_on_terminal_shows_ranking_and_warnings(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width)
    with ProgressDisplay(console) as display:
        display.on_run_start(2, 1, DEFAULT_THRESHOLDS)
        display.on_case(CaseFinished([make_trial("select/tcp", "GENERATOR_GC=1")], 1))
        preempted = replace(make_slice("select/tcp", 1e4).row, run_delay_share=0.5)
        display.on_slice(SliceFinished(0, "capacity", 16, 0, preempted))
    text = text_of(console)
    assert "select/tcp" in text
    assert "10.0k" in text
    assert "generator was preempted" in text
    assert "(GENERATOR_GC)" in text
    assert "1 round repeated" in text


def test_display_at_given_rate_shows_cpu_time_per_request() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with ProgressDisplay(console) as display:
        display.on_run_start(None, 1, DEFAULT_THRESHOLDS)
        display.on_slice(make_open_loop_slice("select/tcp", 12.0))
    assert "CPU µs per request, lowest first" in text_of(console)
    assert "12.0" in text_of(console)


def test_display_on_terminal_names_controls_and_baselines() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with ProgressDisplay(console) as display:
        display.on_run_start(2, 1, DEFAULT_THRESHOLDS)
        display.on_slice(make_slice("native/tcp", 1e4))
    text = text_of(console)
    assert "native/tcp (baseline)" in text


def test_display_without_terminal_prints_one_line_per_case_and_warning() -> None:
    console = Console(file=io.StringIO(), width=60)
    with ProgressDisplay(console) as display:
        display.on_run_start(2, 1, DEFAULT_THRESHOLDS)
        for _ in range(3):
            display.on_slice(make_slice("select/tcp", 1e4))
        for _ in range(2):
            display.on_case(CaseFinished([make_trial("select/tcp", "GENERATOR_GC=1")], 0))
        display.on_case(CaseFinished([], 2))
        display.on_message("searching")
    first, second, *rest = text_of(console).splitlines()
    assert first == "block 1 of 1: capacity, 16 connections, 64 bytes"
    assert second.startswith("warning: select/tcp in capacity, 16 connections, 64 bytes: suspect: ")
    assert rest == [
        "searching",
        f"GENERATOR_GC in 2 trials; the report lists all of them, {repeated_rounds(2)}",
    ]

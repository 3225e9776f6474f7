"""Charts of changes between runs."""

import contextlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from bench.compare.changes import Change
from bench.compare.run_values import COMPARED_METRICS
from bench.compare.series import Point, Series
from bench.compare.wording import change_question
from bench.report.charts.changes import draw_changes
from bench.report.charts.encode import encode_svg
from bench.report.charts.history import draw_history
from bench.report.charts.style import look
from bench.schema.load_points import LoadPoint
from tests.support.languages import spanish_texts
from tests.unit.compare.test_digest import make_change
from tests.unit.report.chart_texts import assert_legible, assert_slanted_names_have_room, visible_texts
from tests.unit.report.test_inline_charts import marks_of

NAMES = ("monday", "tuesday")


def draw(*changes: Change) -> tuple[list[str], dict[str, str | None]]:
    """Return the texts of a chart, and the title of each mark."""
    with look():
        figure = draw_changes(changes, NAMES, 0.05)
        assert figure is not None
        assert_legible(figure)
        return [text for text, _ in visible_texts(figure)], marks_of(encode_svg(figure))


def invalid(change: Change, figures_verdict: str) -> Change:
    """Return a change without a conclusion. figures_verdict: of its figures alone."""
    return replace(change, verdict="invalid", figures_verdict=figures_verdict, conclusion="inconclusive")


def test_mark_has_the_change_as_its_title() -> None:
    texts, marks = draw(make_change("select", 1.2), make_change("asyncio", 0.9, conclusion="faster"))
    assert marks["mark m-select"] == (
        "select/tcp, capacity, 16 connections, 64 bytes: +20% [+18%, +22%], more; 10.0 before, 12.0 after; valid"
    )
    assert (marks["mark m-asyncio"] or "").partition(": ")[2].startswith("-10% [-12%, -8.2%], less; ")
    assert texts[0] == "How did the memory of each server change between two runs?"
    assert "after / before (log scale; less is better)" in texts


def test_invalid_figures_are_counted_instead_of_drawn() -> None:
    texts, marks = draw(make_change("select", 1.2), invalid(make_change("asyncio", 1.3), "invalid"))
    assert "mark m-asyncio" not in marks
    assert "Not drawn: 1 comparison of invalid figures." in texts


def test_machine_drift_hides_no_usable_figure() -> None:
    texts, marks = draw(invalid(make_change("select", 1.2), "valid"))
    title = marks["mark m-select"] or ""
    assert title.endswith("+20% [+18%, +22%], inconclusive; 10.0 before, 12.0 after; machine drift")
    assert any("the machine drifted too far" in text for text in texts)


def test_no_chart_without_a_usable_figure() -> None:
    assert draw_changes([invalid(make_change("select", 1.2), "invalid")], NAMES, 0.05) is None
    assert draw_changes([make_change("select", math.nan)], NAMES, 0.05) is None


def test_history_has_a_title_at_each_run_and_no_invalid_number() -> None:
    points = (Point(0, "first", 40e3, 39e3, 41e3, "valid"), Point(1, "second", 7e9, 6e9, 8e9, "invalid"))
    series = Series("select/tcp", LoadPoint("capacity", 16, 64), "throughput_rps", points)
    with look():
        figure = draw_history([series])
        svg = encode_svg(figure).decode()
    assert "select/tcp, capacity, 16 connections, 64 bytes in first: 40.0k (39.0k to 41.0k), valid</title>" in svg
    assert "select/tcp, capacity, 16 connections, 64 bytes in second: invalid</title>" in svg
    assert figure.axes[0].get_ylim()[1] < 50e3


def test_every_compared_metric_has_a_question_as_its_title() -> None:
    assert all(change_question(metric).endswith(" between two runs?") for metric in COMPARED_METRICS)


def make_series(arm: str, median: float, runs: int) -> Series:
    points = (
        Point(run, f"20261122T0{run:05}Z-standard", median, 0.9 * median, 1.1 * median, "valid") for run in range(runs)
    )
    return Series(arm, LoadPoint("capacity", 16, 64), "throughput_rps", tuple(points))


@pytest.mark.parametrize("runs", [1, 4, 40])
@pytest.mark.parametrize("language", [contextlib.nullcontext, spanish_texts])
def test_history_is_legible(runs: int, language: Callable[[], AbstractContextManager[None]]) -> None:
    medians = {"asyncio/tcp": 2e4, "thread_per_client/tcp": 1e4, "asyncio/udp": 9e4, "native/udp": 3e5}
    with look(), language():
        figure = draw_history([make_series(arm, median, runs) for arm, median in medians.items()])
        assert_legible(figure)
        assert_slanted_names_have_room(figure)


def test_history_has_room_for_the_figures_of_both_transports() -> None:
    figure = draw_history([make_series("asyncio/tcp", 2e4, 3), make_series("asyncio/udp", 9e4, 3)])
    assert [ax.title.get_text() or ax.get_title("left") for ax in figure.axes] == ["TCP", "UDP"]
    assert all(ax.get_ylim()[1] > 99e3 for ax in figure.axes)


def test_history_explains_its_marks_in_the_chart() -> None:
    points = (Point(0, "first", 40e3, 39e3, 41e3, "valid"), Point(1, "second", 7e9, 6e9, 8e9, "invalid"))
    figure = draw_history([Series("select/tcp", LoadPoint("capacity", 16, 64), "throughput_rps", points)])
    texts = [text for text, _ in visible_texts(figure)]
    assert texts[0] == "Has this changed over the runs: requests per second?"
    assert "capacity, 16 connections, 64 bytes; 2 runs, from old to new" in texts[1]
    assert "Cross at the bottom: the figure of this run is invalid and has no height." in texts

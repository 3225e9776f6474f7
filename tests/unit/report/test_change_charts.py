"""Charts of changes between runs."""

import math
from dataclasses import replace

from bench.compare.changes import Change
from bench.compare.series import Point, Series
from bench.report.charts.changes import draw_changes
from bench.report.charts.encode import encode_svg
from bench.report.charts.history import draw_history
from bench.report.charts.style import look
from bench.schema.load_points import LoadPoint
from tests.unit.compare.test_digest import make_change
from tests.unit.report.chart_texts import assert_legible, visible_texts
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
    assert texts[0] == "Change of memory"
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

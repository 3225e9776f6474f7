"""The chart of single requests: bars of each connection, and how evenly connections take turns."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.report.charts.turns import MAX_PANELS, excerpt_of, most_served, turns_of, window_ms
from bench.schema.csv_schema import ReplayRow
from tests.support import synthetic
from tests.support.results import results_of
from tests.unit.report.chart_texts import assert_legible, visible_texts

CLIENTS = 16
STEP_NS = 10_000


def make_requests(arm: str, order: Sequence[int]) -> pd.DataFrame:
    """Return requests that are answered every 10 us, in an order of connections.

    Each is sent as soon as the last one of its connection is answered.
    """
    sent = dict.fromkeys(order, 0)
    rows = []
    for number, connection in enumerate(order):
        received_ns = STEP_NS * (number + 1)
        times = {"sent_ns": sent[connection], "received_ns": received_ns}
        row = ReplayRow(arm, "capacity", CLIENTS, 64, connection=connection, **times)
        rows.append({name: getattr(row, name) for name in ReplayRow.__dataclass_fields__})
        sent[connection] = received_ns
    return pd.DataFrame(rows)


def in_turns(arm: str, turns: int = 20) -> pd.DataFrame:
    """Return requests of connections that are answered in strict turns."""
    return make_requests(arm, [*range(CLIENTS)] * turns)


def make_tables(arms: Sequence[str], replay: pd.DataFrame | None) -> ChartTables:
    """Return the tables of a closed loop with 16 clients."""
    rows = synthetic.make_run({arm: {CLIENTS: 1e5} for arm in arms}, blocks=2, rounds=2)
    summary, comparisons = results_of(rows)
    return ChartTables(summary, comparisons, rows.histograms, rows.trials, rows.slices, replay=replay)


def drawn(tables: ChartTables) -> Figure | None:
    requests = chart_requests(tables.summary, tables.trials)
    return build_chart(next(request for request in requests if request.topic == "turns"), tables)


def test_colour_begins_at_the_previous_reply() -> None:
    excerpt = excerpt_of(make_requests("a/tcp", [3, 5, 3]))
    assert excerpt.numbers == (3, 5)
    assert excerpt.rows.tolist() == [0, 1, 0]
    assert excerpt.sent_ms.tolist() == pytest.approx([0.0, 0.0, 0.01])
    assert excerpt.began_ms.tolist() == pytest.approx([0.0, 0.01, 0.02])
    assert excerpt.received_ms.tolist() == pytest.approx([0.01, 0.02, 0.03])


def test_strict_turns_have_all_others_between_two_replies() -> None:
    turns = turns_of(excerpt_of(in_turns("a/tcp")))
    assert turns is not None
    assert (turns.median, turns.low, turns.high) == (15, 15, 15)
    assert turns.longest_wait_ms == pytest.approx(0.16)
    assert str(turns) == "15 (middle 90%: 15 to 15), longest wait 0.16 ms"


def test_connection_that_is_passed_over_widens_the_range() -> None:
    order = [connection for turn in range(40) for connection in range(CLIENTS) if connection or turn % 4 == 0]
    turns = turns_of(excerpt_of(make_requests("a/tcp", order)))
    assert turns is not None
    assert turns.median == 14
    assert turns.high == 15
    assert turns.longest_wait_ms == pytest.approx((4 * 15 + 1) / 100)


def test_connections_with_one_reply_each_have_no_turns() -> None:
    assert turns_of(excerpt_of(make_requests("a/tcp", range(5)))) is None


def test_window_is_the_longest_in_which_bars_stay_visible() -> None:
    fast, slow = excerpt_of(in_turns("a/tcp", 100)), excerpt_of(make_requests("a/tcp", [0, 1, 2, 0]))
    assert window_ms([fast, slow]) == 2.0  # 100 replies per ms
    assert window_ms([slow]) == 20.0
    pause = replace(slow, received_ms=slow.received_ms + np.array([0.0, 5.0, 5.0, 5.0]))
    start_ms, replies = pause.window(1.0)
    assert start_ms == pytest.approx(5.02)
    assert replies == 3


def test_chart_has_a_panel_with_two_colours_for_each_server() -> None:
    replay = pd.concat([in_turns("select/tcp"), make_requests("asyncio/tcp", [*range(CLIENTS)] * 3)])
    figure = drawn(make_tables(["asyncio/tcp", "select/tcp", "iterative/tcp"], replay))
    assert figure is not None
    assert_legible(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["asyncio", "select"]
    assert [len(ax.lines) for ax in figure.axes] == [2, 2]
    texts = [text.strip() for text, _ in visible_texts(figure)]
    assert "select: 15 (middle 90%: 15 to 15), longest wait 0.16 ms" in texts
    assert "Not recorded, because it serves fewer clients or did not answer: iterative." in texts


def test_connection_with_half_of_the_turns_is_marked_and_named() -> None:
    greedy = [connection for other in [*range(1, CLIENTS)] * 8 for connection in (7, other)]
    replay = pd.concat([make_requests("asyncio/tcp", greedy), in_turns("select/tcp")])
    figure = drawn(make_tables(["asyncio/tcp", "select/tcp"], replay))
    assert figure is not None
    assert_legible(figure)
    share = (len(greedy) / 2 + 8) / len(greedy)
    got = f"asyncio: connection 7 got {100 * share:.1f}% of the replies in the recording"
    texts = [text.strip() for text, _ in visible_texts(figure)]
    assert f"{got}, {16 * share:.2f} times an even share." in texts
    assert not any(text.startswith("select: connection") for text in texts)
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [["\u25c0"], []]
    (arrow,) = figure.axes[0].texts
    assert isinstance(arrow, Annotation)
    assert arrow.xy[1] == 6  # no request of connection 0 is in the recording
    assert [tick.get_text() for tick in figure.axes[1].get_yticklabels()] == [str(number) for number in range(CLIENTS)]


@pytest.mark.parametrize(("order", "is_named"), [([0, 0, 0, 1], False), ([0, 0, 0, 0, 1], True)])
def test_most_served_is_named_beyond_one_and_a_half_even_shares(order: list[int], is_named: bool) -> None:
    assert (most_served(excerpt_of(make_requests("a/tcp", order)), connections=2) is not None) == is_named


def test_many_servers_have_a_note_instead_of_more_panels() -> None:
    arms = ["asyncio/tcp", *(f"model_{number}/tcp" for number in range(MAX_PANELS + 6))]
    figure = drawn(make_tables(arms, pd.concat(list(map(in_turns, arms)))))
    assert figure is not None
    assert_legible(figure)
    assert len(figure.axes) == MAX_PANELS
    assert any(text.startswith("7 further servers only in the list above") for text, _ in visible_texts(figure))


@pytest.mark.parametrize("replay", [None, pd.DataFrame(), in_turns("a/tcp").assign(scenario="another")])
def test_run_without_recording_has_no_chart(replay: pd.DataFrame | None) -> None:
    assert drawn(make_tables(["asyncio/tcp", "select/tcp"], replay)) is None

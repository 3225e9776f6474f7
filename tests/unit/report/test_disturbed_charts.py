from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.report.charts.sizes import in_bytes
from bench.report.disturbed_servers import disturbance_sentences, memory_sentences
from bench.report.phase_sentences import phase_sentences
from tests.support import synthetic
from tests.unit.report.chart_texts import assert_legible, find_name_markers, visible_texts
from tests.unit.report.disturbed_runs import make_disturbed, make_idle, make_phases, make_tables, make_timeline


def draw_topic(topic: str, tables: ChartTables) -> Figure:
    """Return the only chart of a topic."""
    (request,) = (each for each in chart_requests(tables.summary, tables.trials) if each.topic == topic)
    figure = build_chart(request, tables)
    assert figure is not None
    return figure


def texts_of(figure: Figure) -> str:
    return "\n".join(text for text, _ in visible_texts(figure))


@pytest.fixture(scope="module")
def slow() -> ChartTables:
    runs = [make_disturbed(), make_disturbed("never_reads", "never_reads")]
    return make_tables(synthetic.concat_runs(*runs))


def test_slow_clients_share_a_chart_and_have_no_other(slow: ChartTables) -> None:
    requests = chart_requests(slow.summary, slow.trials)
    assert [(each.topic, len(each.sweeps)) for each in requests] == [("disturbed", 2)]


def test_slow_clients_chart_begins_without_them_and_is_legible(slow: ChartTables) -> None:
    figure = draw_topic("disturbed", slow)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "64", "1024"]
    assert_legible(figure)


def test_slow_clients_chart_states_who_is_immune(slow: ChartTables) -> None:
    effects = (
        "immune up to 1024: asyncio; degrades: epoll from 64 on (2.22 times the p99); "
        "breaks: select between 64 and 1024"
    )
    assert f"Silent: {effects}." in texts_of(draw_topic("disturbed", slow)).replace("\n    ", " ")
    assert disturbance_sentences(slow.summary, slow.trials) == [
        f"Beside up to 1024 clients that {behaviour}, the slowest hundredth of the other requests takes less than "
        "twice as long with asyncio and at least twice as long with epoll, but they are not served with select."
        for behaviour in ("send nothing", "never read a reply")
    ]
    assert memory_sentences(slow.summary, slow.trials) == [
        f"Each client that {behaviour} takes about 9.77 KiB in the processes of asyncio, epoll and select."
        for behaviour in ("sends nothing", "never reads a reply")
    ]  # 0.01 MB for each client


def test_idle_chart_has_the_three_parts_of_the_memory() -> None:
    tables = make_tables(make_idle())
    figure = draw_topic("idle", tables)
    texts = texts_of(figure).replace("\n    ", " ")
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels[:3] == ["memory of the\nprocesses (MB)", "memory of the\nkernel (MB)", "memory of the\nsockets (MB)"]
    parts = [
        "in its processes asyncio 10.0 KiB, thread_per_client 10.0 KiB",
        "in the kernel asyncio 1.00 KiB, thread_per_client 1.00 KiB",
        "in its sockets asyncio 3.67 KiB, thread_per_client 3.67 KiB",
    ]
    assert all(f"For each connection {part}." in texts for part in parts)
    assert memory_sentences(tables.summary, tables.trials) == [
        "Each client that sends nothing takes about 10.0 KiB in the processes of asyncio and thread_per_client."
    ]
    assert_legible(figure)


def test_run_without_slow_clients_has_no_such_sentence() -> None:
    tables = make_tables(synthetic.make_run(synthetic.TCP, blocks=6, rounds=3))
    assert disturbance_sentences(tables.summary, tables.trials) == []
    assert memory_sentences(tables.summary, tables.trials) == []


def test_overload_chart_marks_the_overload_and_its_predicted_end() -> None:
    phases = {"before": 1.5, "overload": 2.0, "after": 4.0}
    rows = make_phases("patient", phases)
    after = rows.trials["phase"] == "after"
    rows = synthetic.Rows(
        rows.slices, rows.trials.assign(recovery_s=pd.Series(2.1, rows.trials.index).where(after)), rows.histograms
    )
    tables = make_tables(rows, timeline=make_timeline("patient", 8))
    is_recovery = tables.summary["metric"] == "recovery_s"
    tables.summary.loc[is_recovery, "predicted"] = 2.0
    figure = draw_topic("overload", tables)
    (ax,) = figure.axes
    (area,) = ax.patches
    assert area.get_window_extent().x0 == pytest.approx(ax.transData.transform((1.5, 0))[0])
    assert area.get_window_extent().x1 == pytest.approx(ax.transData.transform((3.5, 0))[0])
    assert [5.5, 5.5] in [np.asarray(line.get_xdata()).tolist() for line in ax.get_lines()]
    assert {line.get_marker() for line in find_name_markers(figure)} == {"o", "^"}  # colours differ, too
    assert "Patient, time to recover (predicted: 2.00 s): asyncio 2.10 s, thread_per_client 2.10 s." in texts_of(figure)
    assert_legible(figure)


def test_burst_chart_is_a_share_of_all_clients() -> None:
    rows = make_phases("backlog_5", {"burst": 0.01}, lifecycle="per_request", backlog=5, listen_overflows=994)
    slots = [
        {"arm": "asyncio/tcp", "upper_ns": upper_ns, "count": count}
        for upper_ns, count in ((2_000_000, 18), (1_010_000_000, 2_382))
    ]
    load: dict[str, Any] = {
        "block": 0,
        "scenario": "backlog_5",
        "connections": 950,
        "message_bytes": 64,
        "rate_rps": None,
    }
    histograms = pd.DataFrame(slots).assign(**load, population="clients", phase="burst", quantity="latency")
    figure = draw_topic("burst", make_tables(rows, histograms=histograms))
    (curve,) = (line for line in figure.axes[0].get_lines() if np.size(line.get_xdata()) == 4)
    assert np.asarray(curve.get_ydata()).tolist() == pytest.approx(
        [0.0, 0.6, 80.0, 80.0]
    )  # of 3 blocks with 1000 clients each
    assert figure.axes[0].get_title(loc="left") == "listen queue of 5"
    assert "Listen queue of 5: connects turned away in a block (median): asyncio 994" in texts_of(figure)
    assert_legible(figure)


@pytest.mark.parametrize(("size", "text"), [(16, "16 B"), (65_536, "64 KiB"), (16 << 20, "16 MiB")])
def test_sizes_have_binary_units(size: int, text: str) -> None:
    assert in_bytes(size) == text


def test_sizes_share_a_chart_with_the_cost_of_a_byte() -> None:
    runs = []
    for size in (16, 4096, 65_536):
        rows = synthetic.make_run({"asyncio/tcp": {4: 1e5}, "select/tcp": {4: 1e5}}, blocks=6, rounds=3)
        runs.append(
            synthetic.Rows(*(table.assign(message_bytes=size) for table in (rows.slices, rows.trials, rows.histograms)))
        )
    tables = make_tables(synthetic.concat_runs(*runs))
    figure = draw_topic("sizes", tables)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["16 B", "4 KiB", "64 KiB"]
    assert "CPU time of a request, least relative squares: asyncio/tcp" in texts_of(figure)
    assert "throughput" not in {request.topic for request in chart_requests(tables.summary, tables.trials)}
    assert_legible(figure)


def test_burst_sentence_has_queue_and_median() -> None:
    rows = make_phases("backlog_5", {"burst": 0.01}, lifecycle="per_request", backlog=5, listen_overflows=994)
    slices = rows.slices.assign(latency_p50_us=1_010_000.0)
    tables = make_tables(synthetic.Rows(slices, rows.trials.assign(pooled_latency_p50_us=1_010_000.0), rows.histograms))
    (sentence,) = phase_sentences(tables.summary, tables.trials)
    assert sentence == (
        "When 950 clients connect at once to a listen queue for 5 clients, half of them have their answer after about "
        "1.01 s with asyncio and thread_per_client."
    )


def test_burst_sentence_prints_no_invalid_figure() -> None:
    rows = make_phases("backlog_5", {"burst": 0.01}, lifecycle="per_request", backlog=5, listen_overflows=994)
    slices = rows.slices.assign(latency_p50_us=1_010_000.0)
    tables = make_tables(synthetic.Rows(slices, rows.trials.assign(pooled_latency_p50_us=1_010_000.0), rows.histograms))
    summary = tables.summary
    is_late = (summary["metric"] == "latency_p50_us") & (summary["model"] == "asyncio")
    summary.loc[is_late, "verdict"] = "invalid"
    (sentence,) = phase_sentences(summary, tables.trials)
    assert sentence.endswith(
        "their answer after about 1.01 s with thread_per_client, but there is no valid figure of asyncio."
    )


def test_run_without_phases_and_sizes_has_no_sentence_about_them() -> None:
    tables = make_tables(synthetic.make_run(synthetic.TCP, blocks=6, rounds=3))
    assert phase_sentences(tables.summary, tables.trials) == []

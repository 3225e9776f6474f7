"""The beginning of the report, of the terminal and of ``--json``: few sentences, each with one figure."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from bench.cli.outcome import print_json_sentences
from bench.cli.report import print_results
from bench.report.build import Report
from bench.report.first_screen import FirstScreen, first_screen
from bench.report.headlines import MAX_SENTENCES
from bench.report.render import Results, RunContext, page_without_charts
from bench.schema.load_time import LoadTime
from tests.support import synthetic
from tests.support.languages import spanish_texts
from tests.support.results import results_of
from tests.unit.report.disturbed_runs import make_disturbed, make_idle, make_phases
from tests.unit.report.test_recovering_loads import make_table
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting

RATES = {
    f"{arm}/{transport}": {64: rate}
    for transport in ("tcp", "udp")
    for arm, rate in (("asyncio", 1e5), ("select", 1.3e5 if transport == "tcp" else 2e5), ("epoll", 1.3e5))
}
CONTROLLED = RATES | {"asyncio/tcp~control": {64: 1e5}}
ENVIRONMENT = {
    "machine": {"cpus": 2, "cpu_model": "Fast", "hypervisor": True, "server_cpus": [0], "generator_cpus": [1]}
}
RECOVERY = make_table({"asyncio/tcp": {0.2: 3, 0.4: 2}, "select/tcp": {0.2: 1, 0.4: 0}, "epoll/tcp": {0.2: 3, 0.4: 0}})
# Numbers of clients and milliseconds of handlers are conditions, and so are names of scenarios and servers.
CONDITION = re.compile(r"\d+ (?:clients?|clientes?|ms)\b|\b[a-z]\w*_\w+\b")
FIGURE = re.compile(r"\d[\d.,]*")


def make_at_once(rates: synthetic.Rates = CONTROLLED) -> synthetic.Rows:
    return synthetic.make_run(rates, blocks=6, rounds=4, block_noise=0.001, noise=0.01)


def make_burst(queue: int, p50_us: dict[str, float]) -> synthetic.Rows:
    """Return a burst of connects. p50_us: median times to an answer, by model."""
    rows = make_phases(f"backlog_{queue}", {"burst": 0.01}, lifecycle="per_request", backlog=queue)
    times_us = rows.trials["model"].map(p50_us)
    slices = rows.slices.assign(latency_p50_us=rows.slices["arm"].str.partition("/")[0].map(p50_us))
    return replace(rows, trials=rows.trials.assign(pooled_latency_p50_us=times_us), slices=slices)


def make_bursts() -> synthetic.Rows:
    times = ({"asyncio": 1.01e6, "thread_per_client": 1.01e6}, {"asyncio": 2e4, "thread_per_client": 4e4})
    return synthetic.concat_runs(*(make_burst(queue, times[queue > 5]) for queue in (1, 5, 128, 256, 512, 1024)))


def make_overload(scenario: str, recovery_s: dict[str, float]) -> synthetic.Rows:
    """Return an overload. recovery_s: seconds to recover, by model; infinite for one that does not."""
    rows = make_phases(scenario, {"before": 1.5, "overload": 2.0, "after": 4.0})
    after = rows.trials["phase"] == "after"
    return replace(rows, trials=rows.trials.assign(recovery_s=rows.trials["model"].map(recovery_s).where(after)))


def make_overloads() -> synthetic.Rows:
    return synthetic.concat_runs(
        make_overload("patient", {"asyncio": 2.1, "thread_per_client": 3.4}),
        make_overload("impatient", {"asyncio": 2.1, "thread_per_client": float("inf")}),
        make_overload("hopeless", dict.fromkeys(("asyncio", "thread_per_client"), float("inf"))),
    )


def make_sizes() -> synthetic.Rows:
    runs = []
    for size in (16, 4096, 65_536):
        rows = make_at_once({"asyncio/tcp": {4: 1e6 / (5 + size / 1e3)}, "select/tcp": {4: 1e6 / (5 + size / 2e3)}})
        cpu_us = rows.slices["answered"] * (5 + size / rows.slices["arm"].map({"asyncio/tcp": 1e3, "select/tcp": 2e3}))
        parts = (rows.slices.assign(server_cpu_us=cpu_us), rows.trials, rows.histograms)
        runs.append(synthetic.Rows(*(table.assign(message_bytes=size) for table in parts)))
    return synthetic.concat_runs(*runs)


def make_rates() -> synthetic.Rows:
    """Return three open loops at given rates."""
    runs = []
    for rate_rps in (6e3, 12e3, 24e3):
        rows = synthetic.make_run(RATES, scenario=f"rate_{rate_rps:.0f}", blocks=6, rounds=4, noise=0.01)
        common: dict[str, Any] = {"scenario_kind": "latency", "loop": "open", "rate_rps": rate_rps}
        cpu_us = rows.slices["answered"] * rows.slices["arm"].str[0].map({"a": 12.0, "s": 15.0, "e": 19.0})
        runs.append(
            replace(
                rows,
                trials=rows.trials.assign(**common),
                slices=rows.slices.assign(rate_rps=rate_rps, server_cpu_us=cpu_us),
            )
        )
    return synthetic.concat_runs(*runs)


def make_slow() -> synthetic.Rows:
    return synthetic.concat_runs(*(make_disturbed(name, name) for name in ("silent", "trickle", "never_reads")))


def make_waits() -> synthetic.Rows:
    waits = [make_waiting(1_000.0 * wait, WAITING, scenario=f"wait_{wait}") for wait in range(1, 5)]
    return synthetic.concat_runs(make_mixed(), make_at_once(), *waits)


def make_everything() -> synthetic.Rows:
    return synthetic.concat_runs(
        make_burst(5, {"asyncio": 1e6, "thread_per_client": 1e6}), make_overloads(), make_waits()
    )


RUNS: dict[str, Callable[[], synthetic.Rows]] = {
    "at once": make_at_once,
    "equal": lambda: make_at_once(
        {"asyncio/tcp": {64: 1e5}, "select/tcp": {64: 1e5}, "asyncio/tcp~control": {64: 1.1e5}}
    ),
    "suspect": lambda: synthetic.make_run(
        CONTROLLED, blocks=6, rounds=4, judged={("asyncio/tcp", 64): ("suspect", "RATE_UNDERESTIMATED=10.0%")}
    ),
    "waits": make_waits,
    "bursts": make_bursts,
    "overloads": make_overloads,
    "sizes": make_sizes,
    "rates": make_rates,
    "slow": make_slow,
    "idle": make_idle,
    "everything": make_everything,
}


def make_results(rows: synthetic.Rows) -> Results:
    summary, comparisons = results_of(rows)
    return Results(summary.assign(predicted=float("nan")), comparisons, rows.trials, [])


def make_screen(results: Results, load_time: LoadTime | None = None) -> FirstScreen:
    """Return the beginning of the report of a run."""
    summary, comparisons, trials = results.summary, results.comparisons, results.trials
    recovery = RECOVERY if (trials["scenario"] == "patient").any() else None
    return first_screen(summary, comparisons, trials, (), recovery, environment=ENVIRONMENT, load_time=load_time)


def assert_plain(sentences: list[str]) -> None:
    assert 1 <= len(sentences) <= MAX_SENTENCES
    for sentence in sentences:
        assert not set(sentence) & set("()[]{}"), sentence
        assert len(FIGURE.findall(CONDITION.sub("", sentence))) <= 1, sentence
        assert sentence.count(".") - len(re.findall(r"\d\.\d", sentence)) == 1, sentence


@pytest.mark.parametrize("name", RUNS)
def test_every_run_begins_with_few_plain_sentences(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    results = make_results(RUNS[name]())
    assert_surfaces(results, capsys)
    with spanish_texts():
        assert_surfaces(results, capsys)


def assert_surfaces(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    """Check the sentences of a run in the report, on the terminal and in JSON."""
    screen = make_screen(results)
    assert_plain(screen.sentences)
    markdown, page = page_without_charts(results, RunContext(ENVIRONMENT, {}), screen).render([])
    assert (
        re.findall(r"<li>(.*)</li>", page.partition('<ul class="lead">')[2].partition("</ul>")[0]) == screen.sentences
    )
    beginning = markdown.partition("\n\n")[2].partition("\n\n")[0].replace("\\", "")
    assert [line.removeprefix("- ") for line in beginning.splitlines()] == screen.sentences
    notes = [note.text for note in screen.notes]
    assert terminal_lines(screen, notes) == [*screen.sentences, *notes]
    print_json_sentences(screen.sentences, notes)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["sentence"] for line in lines if line["type"] == "answer"] == screen.sentences


def terminal_lines(screen: FirstScreen, notes: list[str]) -> list[str]:
    empty = pd.DataFrame()
    report = Report(empty, empty, empty, [], [], [], {}, screen.sentences, notes, None)
    console = Console(file=io.StringIO(), width=1000)
    print_results(report, console)
    assert isinstance(console.file, io.StringIO)
    return [line.strip() for line in console.file.getvalue().splitlines() if line.strip()]


def test_phases_come_first_and_leave_places_for_headlines() -> None:
    rows = synthetic.concat_runs(make_at_once(), make_burst(5, {"asyncio": 2e4, "thread_per_client": 4e4}))
    first, second, *_ = make_screen(make_results(rows)).sentences
    assert first == (
        "When 950 clients connect at once to a listen queue for 5 clients, half of them have their answer after about "
        "20 ms with asyncio, but later with thread_per_client."
    )
    assert second.startswith("For handlers that do nothing, with 64 clients, ")


def test_overload_sentences_name_who_does_not_recover() -> None:
    servers, hopeless, impatient, patient = make_screen(make_results(make_overloads())).sentences
    assert servers == (
        "Where clients over TCP send a request again once, servers recover from an overload at loads up to 40% of "
        "their capacity with asyncio, but only at lower ones with epoll and at none with select."
    )
    assert hopeless.endswith(" hopeless, recovery does not end in time with asyncio and thread_per_client.")
    assert impatient.endswith(" takes about 2.10 s with asyncio, but does not end in time with thread_per_client.")
    assert patient == (
        "After the overload of the scenario patient, recovery takes about 2.10 s with asyncio, but longer with "
        "thread_per_client."
    )


def test_sizes_have_the_cost_of_a_byte() -> None:
    first, *_ = make_screen(make_results(make_sizes())).sentences
    assert re.fullmatch(
        r"Each further byte of a message takes about 0\.\d\d ns of CPU time with select, but more with asyncio\.", first
    )


def test_three_lines_follow_the_table() -> None:
    results = make_results(make_at_once())
    screen = make_screen(results, LoadTime(270.0, 360.0, 36.0))
    noise, machine, caveats = screen.notes
    assert noise.text.startswith("Noise floor: a server differed from itself by at most ")
    assert machine.text == "Machine: 2 CPUs, Fast, virtual machine, 1 for the servers, 1 for the load generator."
    assert caveats.text.startswith(
        "Caveats: All 6 results that the scenarios ask for are valid. Other programs disturbed rounds, which "
        "were measured again; they took 10% of the time. Not measured: "
    )
    markdown, page = page_without_charts(results, RunContext(ENVIRONMENT, {}), screen).render([])
    for note in screen.notes:
        assert f'{note.text} <a href="#{note.place}">Details</a>' in page
        assert f'<h2 id="{note.place}">' in page
        assert f"{note.text} [Details](#{note.place})" in markdown.replace("\\", "")
        assert f"\n## {note.place.capitalize()}\n" in markdown


def test_run_without_a_control_states_that_the_noise_is_not_known() -> None:
    noise, *_ = make_screen(make_results(make_bursts())).notes
    assert noise.text == "Noise floor: not known, because no valid control compared a server with itself."

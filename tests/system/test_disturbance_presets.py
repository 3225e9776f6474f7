"""The presets about slow clients, idle ones, greedy ones, bursts, overloads and sizes: each runs at a small size."""

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.plan.toml import load_plan
from bench.store.reader import RunData, read_run
from tests.support.commands import run_python

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. if the generator is as busy as its server
TIMEOUT_S = 110.0
CHARTS = {  # names of files, without their endings
    "slow-clients": "disturbed",
    "idle": "disturbed",
    "greedy": "mixed",
    "burst": "burst",
    "overload": "overload",
    "sizes": "sizes",
}
OPTIONS = {
    "slow-clients": ["--connections", "0,4", "--seconds", "0.1"],
    "idle": ["--connections", "10,40", "--seconds", "0.1"],
    "greedy": ["--seconds", "0.1"],
    "burst": [],
    "overload": [],
    "sizes": ["--message-bytes", "16,4096,65536", "--seconds", "0.1"],
}


@pytest.fixture(scope="module", params=sorted(CHARTS))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """A run of the preset with one model and one block."""
    options = ["--models", "select", "--blocks", "1", "--seed", "5", "--json", *OPTIONS[request.param]]
    folder = tmp_path_factory.mktemp("results")
    completed = run_python(
        "-m", "bench", "run", request.param, *options, "--output-dir", str(folder), timeout_s=TIMEOUT_S
    )
    assert completed.returncode in SUCCESS, completed.stderr
    return read_run(Path(json.loads(completed.stdout.splitlines()[-1])["folder"]))


def test_preset_measures_every_case(run: RunData) -> None:
    rows = run.trials[run.trials["arm"] == "select/tcp"]
    assert set(rows["status"]) == {"ok"}, rows[["scenario", "connections", "reason"]].to_string()
    assert {scenario.name for scenario in run.plan.scenarios} == set(rows["scenario"])


def test_preset_has_its_chart(run: RunData) -> None:
    charts = sorted((run.path / "charts").glob(f"{CHARTS[run.plan.name]}*.svg"))
    assert len(charts) == (2 if run.plan.name == "overload" else 1), "overloads of one length share a chart"
    assert all(chart.stat().st_size > 10_000 for chart in charts)


def test_ledger_of_each_population_and_phase_balances(run: RunData) -> None:
    rows = run.trials[(run.trials["status"] == "ok") & (run.trials["behaviour"] == "normal")]
    answered = rows["sent"] - rows["late"] - rows["lost"] - rows["corrupt"]
    assert (answered >= 0).all()
    # The reply to a request may arrive in a later phase, and counts as a reply of that phase.
    of_load = rows.assign(answered=answered).groupby(["scenario", "arm", "connections", "message_bytes", "population"])
    totals = of_load[["answered", "replies"]].sum()
    assert (totals["answered"] >= totals["replies"]).all(), totals.to_string()


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_preset_asks_a_question_in_each_scenario(name: str) -> None:
    plan = load_plan(name)
    assert all(text.endswith("?") for text in (plan.question, *(scenario.question for scenario in plan.scenarios)))


def test_burst_counts_connects_that_the_queue_turned_away(run: RunData) -> None:
    if run.plan.name != "burst":
        pytest.skip("about the preset burst")
    rows = run.trials[(run.trials["status"] == "ok") & (run.trials["phase"] == "burst")].set_index("scenario")
    assert dict(pd.to_numeric(rows["backlog"])) == {f"backlog_{length}": length for length in (1, 5, 128, 1024)}
    assert rows["listen_overflows"]["backlog_1"] > 0
    assert (rows["scheduled"] == 1000).all()  # 100,000 requests/s for 10 ms

"""``holabench run``, as a process: the folder of one small run on real sockets."""

import json
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from bench.plan.matrix import load_points
from bench.plan.ordering import round_count
from bench.plan.toml import load_plan
from bench.store.reader import read_run
from tests.support.commands import run_python

pytestmark = pytest.mark.slow
SMALL = ["quick", "--models", "iterative,select", "--blocks", "3", "--seconds", "0.1", "--seed", "7"]
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. if the generator is as busy as its server
RUN_TIMEOUT_S = 110.0


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    output_dir = tmp_path_factory.mktemp("results")
    return run_python("-m", "bench", "run", *SMALL, "--json", "--output-dir", str(output_dir), timeout_s=RUN_TIMEOUT_S)


@pytest.fixture(scope="module")
def folder(completed: subprocess.CompletedProcess[str]) -> Path:
    assert completed.returncode in SUCCESS, completed.stderr
    return Path(json.loads(completed.stdout.splitlines()[-1])["folder"])


def test_run_leaves_no_file_or_socket_open(tmp_path: Path) -> None:
    plan = tmp_path / "small.toml"
    plan.write_text(
        'name = "small"\nmodels = ["select"]\ntransports = ["tcp"]\nbaseline = "none"\ncontrol = "none"\nblocks = 1\n'
        '[[external_servers]]\nname = "hola"\ncommand = ["{python}", "{examples}/hola.py", "{port}"]\n'
        '[[scenarios]]\nname = "capacity"\nprotocol = "hola"\nconnections = [1]\nseconds = 0.05\n'
    )
    arguments = ["-m", "bench", "run", str(plan), "--no-charts", "--output-dir", str(tmp_path / "results")]
    completed = run_python("-X", "dev", *arguments, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    assert "ResourceWarning" not in completed.stderr


def test_json_lines_have_a_type(completed: subprocess.CompletedProcess[str], folder: Path) -> None:
    lines = [json.loads(line) for line in completed.stdout.splitlines()]
    types = [line["type"] for line in lines if line["type"] not in ("summary", "comparison")]
    assert (types.count("run"), set(types) - {"answer"}) == (1, {"note", "run"})
    for row_type, name in (("summary", "summary.csv"), ("comparison", "comparisons.csv")):
        assert sum(line["type"] == row_type for line in lines) == len(pd.read_csv(folder / name)) > 0
    assert all(next(iter(line)) == "type" for line in lines)


def test_folder_contains_raw_files_report_and_charts(folder: Path) -> None:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    raw = {"environment.json", "plan.toml", "slices.csv.gz", "trials.csv", "histograms.csv.gz", "resources.csv.gz"}
    assert raw | {"summary.csv", "comparisons.csv", "report.md", "report.html"} <= names
    charts = {name for name in names if name.startswith("charts/")}
    assert {Path(name).suffix for name in charts} == {".png", ".svg"}


def test_trials_have_a_row_for_every_case(folder: Path) -> None:
    trials = pd.read_csv(folder / "trials.csv")
    models = ("iterative/{}", "select/{}", "iterative/{}~control", "native/{}")
    arms = {model.format(transport) for model in models for transport in ("tcp", "udp")}
    for _, rows in trials.groupby(["block", "scenario"]):
        assert set(rows["arm"]) == arms
    skipped = trials[trials["status"] == "skipped"]
    assert set(skipped["arm"]) == {"iterative/tcp", "iterative/tcp~control"}
    assert set(skipped["scenario"]) == {"capacity"}
    assert set(trials["status"]) == {"ok", "skipped"}, trials[["arm", "status", "reason"]].to_string()


def test_excerpt_has_requests_of_each_connection_and_no_baseline(folder: Path) -> None:
    replay = read_run(folder).replay
    assert replay is not None
    assert set(replay["arm"]) == {"select/tcp"}, "iterative serves one client, and the others do not compete"
    assert set(replay["connection"]) == set(range(16))
    assert len(replay) <= 30_000
    assert replay["received_ns"].is_monotonic_increasing
    assert (replay["sent_ns"] < replay["received_ns"]).all()
    assert replay["received_ns"].between(0, 20_000_000).all()
    assert (folder / "charts" / "turns.svg").exists()


def test_slices_have_load_cost_and_position(folder: Path) -> None:
    slices = pd.read_csv(folder / "slices.csv.gz")
    assert (slices["answered"] + slices["given_up"] + slices["corrupt"] == slices["sent"]).all()
    sums = slices.groupby(["scenario", "arm"])[["replies", "server_cpu_us", "generator_cpu_us"]].sum()
    assert (sums > 0).all(axis=None)
    for _, rows in slices.groupby(["block", "scenario", "round"]):
        assert sorted(rows["position"]) == list(range(len(rows)))


def test_trials_are_sums_of_their_slices(folder: Path) -> None:
    columns = ["sent", "replies"]
    case = ["block", "scenario", "arm"]
    slices = pd.read_csv(folder / "slices.csv.gz")
    counted = slices[slices["codes"] != "DISTURBED"]  # slices of repeated rounds are in no other file
    trials = pd.read_csv(folder / "trials.csv").query("status == 'ok'").set_index(case)
    assert trials[columns].to_dict() == counted.groupby(case)[columns].sum().to_dict()
    histograms = read_run(folder).histograms.query("quantity == 'service'")
    recorded = histograms.groupby(case, observed=True)["count"].sum()
    assert (recorded > 0).all()
    # A request is in the histogram if it was sent inside a window, whenever its reply came.
    assert (recorded <= trials["sent"].reindex(recorded.index)).all()


def test_server_and_generator_have_different_cpus(folder: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one CPU")
    environment = json.loads((folder / "environment.json").read_text())["machine"]
    assert not set(environment["server_cpus"]) & set(environment["generator_cpus"])


def test_seed_repeats_the_order(folder: Path, tmp_path: Path) -> None:
    arguments = [*SMALL[:-4], "--blocks", "1", "--seconds", "0.1", "--seed", "7", "--no-charts"]
    again = run_python("-m", "bench", "run", *arguments, "--output-dir", str(tmp_path), timeout_s=RUN_TIMEOUT_S)
    assert again.returncode in SUCCESS, again.stderr
    repeated_folder = Path(again.stdout.strip())
    assert again.stdout == f"{repeated_folder}\n"
    assert not (repeated_folder / "report.html").exists()
    assert f"holabench report {repeated_folder}\n" in again.stderr
    slow = _slow_arms(folder) | _slow_arms(repeated_folder)
    order, repeated = _orders(folder, slow), _orders(repeated_folder, slow)
    assert {key: arms for key, arms in order.items() if key[0] == 0} == repeated
    plan = load_plan(str(folder / "plan.toml"))
    rounds = [round_count(plan, plan.scenario(point.scenario)) for point in load_points(plan)]
    assert len(order) == plan.blocks * sum(rounds)
    assert len(repeated) == len(order) / plan.blocks


def _slow_arms(folder: Path) -> set[str]:
    """Return the arms that the calibration found too slow for every round, as it may on a busy machine."""
    lengths = pd.read_csv(folder / "slice_lengths.csv")
    return set(lengths.loc[lengths["round_interval"] > 1, "arm"])


def _orders(folder: Path, slow: set[str]) -> dict[tuple[object, ...], list[str]]:
    """Return the arms of each planned round in their order, by block, scenario, connections and round.

    Rounds that replace disturbed ones are left out, and so is the baseline, which a disturbed round may move.
    """
    slices = pd.read_csv(folder / "slices.csv.gz")
    plan = load_plan(str(folder / "plan.toml"))
    planned = {scenario.name: round_count(plan, scenario) for scenario in plan.scenarios}
    competing = slices[(slices["round"] < slices["scenario"].map(planned)) & ~slices["arm"].str.startswith("native/")]
    competing = competing[~competing["arm"].isin(slow)]
    groups = competing.sort_values("position").groupby(["block", "scenario", "connections", "round"])
    return {key: list(rows["arm"]) for key, rows in groups}


def test_report_creates_derived_files_again(folder: Path) -> None:
    derived = ["summary.csv", "comparisons.csv", "report.md"]
    before = {name: (folder / name).read_text() for name in derived}
    for name in derived:
        (folder / name).unlink()
    completed = run_python("-m", "bench", "report", str(folder), timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode == 0, completed.stderr
    assert {name: (folder / name).read_text() for name in derived} == before


def test_plan_in_the_folder_repeats_the_run(folder: Path) -> None:
    plan = load_plan(str(folder / "plan.toml"))
    assert (plan.seed, plan.blocks, plan.models) == (7, 3, ("iterative", "select"))

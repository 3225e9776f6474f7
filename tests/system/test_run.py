"""``python -m bench run``, as a process: small runs on real sockets."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pandas as pd
import psutil
import pytest

from bench.plan.matrix import load_points
from bench.plan.ordering import round_count
from bench.plan.toml import load_plan
from bench.store.reader import read_run
from tests.support.commands import find_servers_below as servers_of
from tests.support.commands import run_python as python
from tests.support.commands import start_python as started
from tests.support.processes import have_exited as gone
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SMALL = ["--profile", "quick", "--models", "iterative,select", "--blocks", "3", "--seconds", "0.1", "--seed", "7"]


DRAWING = """
import signal, sys
from bench.report import build
from bench.__main__ import main

def never(*_):
    print("drawing", flush=True)
    signal.pause()

build.derive = never
sys.argv = ["holabench", "run", *sys.argv[1:]]
if __name__ == "__main__":
    sys.exit(main())
"""
DONE = (0, 3)  # 3: some figures are invalid, as on a machine whose generator is as busy as its server


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    into = tmp_path_factory.mktemp("results")
    return python("-m", "bench", "run", *SMALL, "--into", str(into), timeout_s=110)


@pytest.fixture(scope="module")
def folder(ended: subprocess.CompletedProcess[str]) -> Path:
    assert ended.returncode in DONE, ended.stderr
    return Path(ended.stdout.splitlines()[-1])


def test_a_run_prints_its_folder_alone_on_stdout(ended: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert ended.stdout == f"{folder}\n"
    assert folder.is_dir()


def test_a_run_leaves_everything_that_the_design_names(folder: Path) -> None:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    raw = {"environment.json", "plan.toml", "slices.csv.gz", "trials.csv", "histograms.csv.gz", "resources.csv.gz"}
    assert raw | {"summary.csv", "comparisons.csv", "report.md"} <= names
    charts = {name for name in names if name.startswith("charts/")}
    assert {Path(name).suffix for name in charts} == {".png", ".svg"}


def test_nothing_vanishes_from_the_matrix(folder: Path) -> None:
    trials = pd.read_csv(folder / "trials.csv")
    models = ("iterative/{}", "select/{}", "iterative/{}~control", "native/{}")
    arms = {model.format(transport) for model in models for transport in ("tcp", "udp")}
    for _, rows in trials.groupby(["block", "scenario"]):
        assert set(rows["arm"]) == arms
    skipped = trials[trials["status"] == "skipped"]
    assert set(skipped["arm"]) == {"iterative/tcp", "iterative/tcp~control"}
    assert set(skipped["scenario"]) == {"capacity"}
    assert set(trials["status"]) == {"ok", "skipped"}, trials[["arm", "status", "reason"]].to_string()


def test_every_slice_has_the_load_and_what_it_cost(folder: Path) -> None:
    slices = pd.read_csv(folder / "slices.csv.gz")
    assert (slices["answered"] + slices["lost"] + slices["corrupt"] == slices["sent"]).all()
    of_arms = slices.groupby(["scenario", "arm"])[["replies", "server_cpu_us", "generator_cpu_us"]].sum()
    assert (of_arms > 0).all(axis=None)
    for _, one_round in slices.groupby(["block", "scenario", "round"]):
        assert sorted(one_round["position"]) == list(range(len(one_round)))


def test_trials_are_the_sums_of_their_slices(folder: Path) -> None:
    columns = ["sent", "replies"]
    slices = pd.read_csv(folder / "slices.csv.gz")
    counted = slices[slices["codes"] != "DISTURBED"]  # those of rounds that were run again are nowhere else
    slices = counted.groupby(["block", "scenario", "arm"])[columns].sum()
    trials = pd.read_csv(folder / "trials.csv").query("status == 'ok'").set_index(["block", "scenario", "arm"])
    assert trials[columns].to_dict() == slices.to_dict()
    histograms = read_run(folder).histograms.query("quantity == 'service'")
    recorded = histograms.groupby(["block", "scenario", "arm"], observed=True)["count"].sum()
    assert (
        recorded <= trials["sent"].reindex(recorded.index)
    ).all()  # those that left in a window, whenever their reply came
    assert (recorded > 0).all()


def test_server_and_generator_had_cpus_of_their_own(folder: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU here")
    environment = json.loads((folder / "environment.json").read_text())["machine"]
    assert not set(environment["server_cpus"]) & set(environment["generator_cpus"])


def test_the_seed_repeats_the_order_of_everything(folder: Path, tmp_path: Path) -> None:
    again = python("-m", "bench", "run", *SMALL, "--blocks", "1", "--no-charts", "--into", str(tmp_path))
    assert again.returncode in DONE, again.stderr
    whole, repeated = _orders(folder), _orders(Path(again.stdout.strip()))
    assert {key: order for key, order in whole.items() if key[0] == 0} == repeated
    plan = load_plan(str(folder / "plan.toml"))
    assert len(whole) == plan.blocks * sum(
        round_count(plan, plan.scenario(point.scenario)) for point in load_points(plan)
    )
    assert len(repeated) == len(whole) / plan.blocks


def _orders(folder: Path) -> dict[tuple[object, ...], list[str]]:
    """The arms of each planned round in their order, by block, scenario, connections and round.

    Without the rounds behind them, which stand for those that the machine disturbed; and without the machine's limit,
    whose turn a disturbed round may move.
    """
    slices = pd.read_csv(folder / "slices.csv.gz")
    plan = load_plan(str(folder / "plan.toml"))
    planned = {scenario.name: round_count(plan, scenario) for scenario in plan.scenarios}
    competing = slices[(slices["round"] < slices["scenario"].map(planned)) & ~slices["arm"].str.startswith("native/")]
    each = competing.sort_values("position").groupby(["block", "scenario", "connections", "round"])
    return {key: list(one["arm"]) for key, one in each}


def test_derived_files_can_be_made_again_from_the_raw_ones(folder: Path) -> None:
    derived = ["summary.csv", "comparisons.csv", "report.md"]
    before = {name: (folder / name).read_text() for name in derived}
    for name in derived:
        (folder / name).unlink()
    ended = python("-m", "bench", "report", str(folder))
    assert ended.returncode == 0, ended.stderr
    assert {name: (folder / name).read_text() for name in derived} == before


def test_the_plan_in_the_folder_repeats_the_run(folder: Path) -> None:
    plan = load_plan(str(folder / "plan.toml"))
    assert (plan.seed, plan.blocks, plan.models) == (7, 3, ("iterative", "select"))


OPEN = """
name = "open"
models = ["iterative", "select"]
blocks = 3
[[scenarios]]
name = "latency"
connections = [4]
rate = "common"
seconds = 0.1
[[scenarios]]
name = "latency_half"
connections = [4]
capacity_share = 0.5
seconds = 0.1
"""


def test_an_open_loop_has_the_same_schedule_for_every_arm_at_a_rate_that_all_hold(tmp_path: Path) -> None:
    (tmp_path / "open.toml").write_text(OPEN)
    words = ["--profile", str(tmp_path / "open.toml"), "--no-charts", "--into", str(tmp_path)]
    ended = python("-m", "bench", "run", *words)
    assert ended.returncode in DONE, ended.stderr
    assert "requests/s over 4 connections, a rate that every arm can sustain" in ended.stderr
    folder = Path(ended.stdout.strip())
    rates = pd.read_csv(folder / "rates.csv").set_index(["scenario", "arm"])["rate_rps"]
    assert rates["latency"].nunique() == 1
    assert rates["latency_half"].nunique() > 1
    slices = pd.read_csv(folder / "slices.csv.gz")
    assert (slices["sent"] + slices["unsent"] == slices["scheduled"]).all()
    common = slices[slices["scenario"] == "latency"]
    assert (common.groupby(["block", "round"])["scheduled"].nunique() == 1).all()
    trials = pd.read_csv(folder / "trials.csv").query("status == 'ok' and scenario == 'latency'")
    assert trials["pooled_latency_p50_us"].notna().all()
    assert trials["baseline_rps"].notna().all()


def test_a_run_until_a_width_that_cannot_be_reached_ends_in_its_time(tmp_path: Path) -> None:
    words = ["--profile", "quick", "--models", "iterative,select", "--transports", "udp", "--seconds", "0.05"]
    into = tmp_path / "results [/of] today"  # no markup of the terminal's
    into.mkdir(parents=True)
    words += ["--no-charts", "--into", str(into)]
    ended = python("-m", "bench", "run", *words, "--until", "0.0001%", "--at-most", "0.05")
    assert ended.returncode in DONE, ended.stderr
    folder = Path(ended.stdout.strip())
    assert f", into {folder}\n" in ended.stderr
    assert f"holabench report {folder}\n" in ended.stderr
    assert 1 <= _blocks(folder / "trials.csv") < 1000
    assert (folder / "summary.csv").exists()
    assert not (folder / "charts").exists()
    assert not (folder / "report.html").exists()


def test_ctrl_c_keeps_finished_blocks_and_ends_every_server(tmp_path: Path) -> None:
    words = [*SMALL, "--transports", "tcp", "--blocks", "1000", "--no-charts", "--into", str(tmp_path)]
    with started("-m", "bench", "run", *words) as run:
        wait_until(lambda: any(_blocks(file) >= 2 for file in tmp_path.glob("*/trials.csv")), "two blocks")
        wait_until(lambda: bool(servers_of(run.pid)), "the next block's servers")
        servers = servers_of(run.pid)
        run.send_signal(signal.SIGINT)
        output, told = run.communicate(timeout=60)
    folder = Path(output.strip())
    assert run.returncode == 130
    assert f"holabench report {folder}" in told
    assert _blocks(folder / "trials.csv") >= 2
    assert (folder / "summary.csv").exists()
    assert gone(servers)


def test_sigkill_of_a_run_leaves_no_process_behind(tmp_path: Path) -> None:
    words = ["--models", "multiprocessing", "--profile", "quick", "--into", str(tmp_path)]
    with started("-m", "bench", "run", *words) as run:
        wait_until(lambda: len(servers_of(run.pid)) >= 6, "servers with their workers")
        assert {one.environ()["HOLABENCH_PARENT"] for one in servers_of(run.pid)} == {str(run.pid)}
        below = psutil.Process(run.pid).children(recursive=True)
        run.kill()
        run.wait()
        wait_until(lambda: gone(below), "all have ended")


def test_a_server_that_dies_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    words = [*SMALL, "--transports", "tcp", "--blocks", "1", "--seconds", "0.6"]
    with started("-m", "bench", "run", *words, "--no-charts", "--into", str(tmp_path)) as run:

        def victims() -> list[psutil.Process]:
            wanted = ["select", "--transport", "tcp"]
            return [one for one in servers_of(run.pid) if one.cmdline()[3:6] == wanted and one.num_fds() > 10]

        wait_until(lambda: bool(victims()), "the select server holds its connections")
        victims()[0].kill()
        output, told = run.communicate(timeout=110)
    assert run.returncode in DONE, told
    trials = pd.read_csv(Path(output.strip()) / "trials.csv")
    failed = trials[trials["status"] == "failed"]
    assert set(failed["arm"]) == {"select/tcp"}
    assert failed["reason"].str.contains("server was killed by SIGKILL while it was measured").any()
    assert (trials["status"] == "ok").sum() >= 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "select,slect"], ["'slect'", "select"]),
        (["--profile", "fast"], ["'fast'", "quick", "standard"]),
        (["--profile", "nowhere.toml"], ["nowhere.toml"]),
        (["--connections", "1,x"], ["--connections", "1,x"]),
        (["--connections", "0"], ["connections", "0", ">= 1"]),
        (["--transports", "tcp,sctp"], ["sctp"]),
        (["--protocol", "http"], ["http"]),
        (["--blocks", "0"], ["blocks", "0", ">= 1"]),
        (["--seconds", "-1"], ["seconds", "-1"]),
        (["--message-bytes", "70000"], ["70000", "65507"]),
        (["--seed", "-3"], ["seed", "-3"]),
        (["--until", "soon"], ["--until", "'soon'", "3%"]),
        (["--colour", "red"], ["--colour"]),
        (["--models", "iterative", "--transports", "tcp", "--connections", "2", "--profile", "one.toml"], ["one.toml"]),
        (["--models", ","], ["--models", "','"]),
        (["--minutes", "nan"], ["--minutes", "nan"]),
        (["--minutes", "inf"], ["--minutes", "inf"]),
        (["--seconds", "nan"], ["seconds", "nan"]),
        (["--connections", "2000000"], ["connections", "2000000", "<= 1000000"]),
        (["--target", "tcp://127.0.0.1:99999"], ["--target", "99999", "65535"]),
        (["--server", "x=true {port}", "--transports", "udp"], ["'x'", "tcp", "udp"]),
        (["--python", "**"], ["'**'"]),
    ],
)
def test_wrong_values_are_one_line_and_exit_code_2(words: list[str], said: list[str], tmp_path: Path) -> None:
    ended = python("-m", "bench", "run", *words, "--into", str(tmp_path))
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert all(part in ended.stderr for part in said), ended.stderr
    assert not list(tmp_path.iterdir())


def test_an_arm_that_could_not_be_measured_at_all_is_told_by_the_exit_code(tmp_path: Path) -> None:
    words = ["--server", "x=false {port}", "--transports", "tcp", "--connections", "1", "--no-charts"]
    ended = python("-m", "bench", "run", *SMALL, *words, "--blocks", "1", "--into", str(tmp_path))
    assert ended.returncode == 3, ended.stderr
    assert "x/tcp (capacity), x/tcp (sessions) could not be measured in any block" in ended.stderr


def test_ctrl_c_while_the_report_is_drawn_says_where_everything_is(tmp_path: Path) -> None:
    with started("-c", DRAWING, *SMALL, "--blocks", "1", "--into", str(tmp_path)) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "drawing\n"
        run.send_signal(signal.SIGINT)
        output, told = run.communicate(timeout=60)
    folder = Path(output.strip())
    assert run.returncode == 130
    assert (folder / "complete.json").exists()
    assert "everything is measured and kept" in told
    assert f"holabench report {folder}" in told
    assert "Traceback" not in told


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    ended = python("-m", "bench", "report", str(tmp_path))
    assert ended.returncode == 2
    assert "is not a run's folder" in ended.stderr


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = python("-m", "bench", "run", *SMALL, "--into", str(tmp_path / "file"))
    assert ended.returncode == 2
    assert "cannot make a results folder" in ended.stderr


def test_the_models_are_listed_with_what_they_are() -> None:
    ended = python("-m", "bench", "models", COLUMNS="200")
    assert ended.returncode == 0
    for name in ("asyncio", "iterative", "multiprocessing", "select", "thread_per_client"):
        assert name in ended.stdout


def _blocks(trials: Path) -> int:
    return int(pd.read_csv(trials)["block"].nunique())

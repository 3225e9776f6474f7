"""Runs with populations and phases: their ledgers, their rows, and a server that dies with both open."""

import json
from pathlib import Path

import pandas as pd
import psutil
import pytest

from bench import load
from tests.support.commands import find_servers_below, run_python, start_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. if the generator is as busy as its server
HEAD = """
name = "mine"
models = ["select", "asyncio"]
transports = ["tcp"]
baseline = "none"
control = "none"
seed = 3
"""
MIXED = """
[[scenarios]]
name = "mixed"
protocol = "work"
connections = [0, 8]
seconds = 0.1
[[scenarios.populations]]
name = "light"
connections = 4
rate_rps = 400
[[scenarios.populations]]
name = "heavy"
connections = 2
wait_ms = 2.0
compute_units = 200
[[scenarios.populations]]
name = "idle"
behaviour = "silent"
"""
PHASES = """
[[scenarios]]
name = "overload"
protocol = "work"
[[scenarios.populations]]
name = "clients"
connections = 8
compute_units = 500
timeout_s = 0.2
retries = 1
[[scenarios.populations]]
name = "others"
connections = 2
rate_rps = 50
[[scenarios.phases]]
name = "before"
seconds = 0.3
capacity_share = { clients = 0.3 }
off = ["others"]
[[scenarios.phases]]
name = "overload"
seconds = 0.3
capacity_share = { clients = 2.0 }
[[scenarios.phases]]
name = "after"
seconds = 0.4
capacity_share = { clients = 0.3 }
"""


def run_plan(tmp_path: Path, text: str, *options: str) -> tuple[Path, str]:
    """Measure a plan; return the folder and what the run printed."""
    (tmp_path / "mine.toml").write_text(HEAD + text)
    arguments = [str(tmp_path / "mine.toml"), "--output-dir", str(tmp_path), *options]
    completed = run_python("-m", "bench", "run", *arguments, timeout_s=110)
    assert completed.returncode in SUCCESS, completed.stderr
    return Path(completed.stdout.strip()), completed.stderr


def lost_of(rows: pd.DataFrame) -> "pd.Series[int]":
    return rows["given_up"] - rows["late"] + rows["corrupt"]


def test_populations_have_ledgers_and_rows_of_their_own(tmp_path: Path) -> None:
    folder, _ = run_plan(tmp_path, MIXED, "--blocks", "2")
    run = load(folder)
    trials = run.trials
    assert set(trials["status"]) == {"ok"}
    parts = trials.groupby(["connections", "population"]).size().to_dict()
    assert parts == {(0, "light"): 4, (0, "heavy"): 4, (8, "light"): 4, (8, "heavy"): 4, (8, "idle"): 4}
    light, heavy, idle = (trials[trials["population"] == name] for name in ("light", "heavy", "idle"))
    assert set(light["scenario_kind"]) == {"mixed"}
    assert set(heavy["scenario_kind"]) == {"capacity"}
    assert set(heavy["population_connections"]) == {2}
    assert set(heavy["wait_us"]) == {2000}
    assert (heavy["service_mean_us"] > 2000).all()
    assert light["pooled_latency_p50_us"].notna().all()
    assert set(idle["sent"]) == {0}
    assert idle["mean_throughput_rps"].isna().all()
    slices = run.slices[run.slices["codes"] == ""]
    assert (slices["sent"] == slices["answered"] + lost_of(slices) + slices["late"]).all()
    answered = slices.groupby(["block", "arm", "connections", "round"])
    assert (answered["answered"].sum() == answered["load_answered"].first()).all()
    assert (answered["server_cpu_us"].nunique() == 1).all()
    assert set(run.summary["population"]) == {"light", "heavy", "idle"}
    assert run.summary["verdict"].notna().all()
    environment = json.loads((folder / "environment.json").read_text())
    assert all(0 < unit["lock"]["best_us"] < 100 for unit in environment["work_units"].values())
    socket_bytes = environment["tcp_socket"]["socket_bytes"]  # of the server's ends: of light, heavy and idle
    structures_mb = (4 + 2 + trials["connections"]) * socket_bytes / 1e6
    assert (trials["socket_mb"] > 0.99 * structures_mb).all()
    assert (trials["socket_mb"] < structures_mb + 0.1).all()
    assert trials["opening_kernel_mb"].notna().all()


def test_phases_have_rows_of_their_own_and_a_timeline(tmp_path: Path) -> None:
    folder, _ = run_plan(tmp_path, PHASES, "--blocks", "2")
    run = load(folder)
    parts = run.trials.groupby(["population", "phase"]).size().to_dict()
    clients = {("clients", phase): 4 for phase in ("before", "overload", "after")}
    assert parts == clients | {("others", "overload"): 4, ("others", "after"): 4}
    assert (run.trials["rounds"] == 1).all()
    by_phase = run.trials[run.trials["population"] == "clients"].groupby("phase")["scheduled"].sum()
    assert by_phase["overload"] > 3 * by_phase["before"]
    missing = run.trials["late"] + run.trials["lost"] + run.trials["corrupt"]
    assert (missing <= run.trials["sent"]).all()
    after = run.trials[(run.trials["population"] == "clients") & (run.trials["phase"] == "after")]
    assert after["recovery_s"].notna().all()
    assert run.timeline is not None
    of_clients = run.timeline[run.timeline["population"] == "clients"]
    assert of_clients["start_s"].max() < 1.0
    assert of_clients["ok_replies"].sum() > 0
    assert run.latency_windows is not None
    windows = run.latency_windows.groupby(["block", "arm", "population"])["count"].sum()
    scheduled = run.trials.groupby(["block", "arm", "population"])["scheduled"].sum()
    assert windows.to_dict() == scheduled.astype(int).to_dict()
    rates = pd.read_csv(folder / "rates.csv").set_index(["arm", "population", "phase"])["rate_rps"]
    assert rates["select/tcp", "clients", "overload"] > 5 * rates["select/tcp", "clients", "before"]
    assert rates["select/tcp", "others", "after"] == 50
    assert set(run.comparisons["pairing"]) <= {"unpaired"}
    usable = after[after["verdict"] != "invalid"]
    if run.recovery is None:
        assert usable.empty
    else:  # a server that answers nothing has invalid figures, and has not recovered
        assert len(usable) <= run.recovery["blocks"].sum() <= len(after)
        assert set(run.recovery["load_share"]) == {0.3}
        assert set(run.recovery["predicted_share"]) == {0.5}
    assert (run.rounds["disturbed"] == 0).all()


def test_server_that_dies_with_two_populations_open_is_a_row_for_each(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(HEAD + MIXED.replace("seconds = 0.1", "seconds = 2.0"))
    arguments = [str(tmp_path / "mine.toml"), "--blocks", "1", "--no-charts", "--output-dir", str(tmp_path)]
    with start_python("-m", "bench", "run", *arguments) as run:
        wait_until(lambda: bool(find_loaded(run.pid)), "the select server holds the connections of all populations")
        find_loaded(run.pid)[0].kill()
        output, errors = run.communicate(timeout=110)
    assert run.returncode in SUCCESS, errors
    trials = pd.read_csv(Path(output.strip()) / "trials.csv")
    failed = trials[trials["status"] == "failed"]
    assert set(failed["arm"]) == {"select/tcp"}
    assert set(failed["population"]) == {"light", "heavy", "idle"}
    assert failed["reason"].str.contains("while it was measured").any(), failed["reason"].to_string()
    assert set(trials.loc[trials["arm"] == "asyncio/tcp", "status"]) == {"ok"}


def find_loaded(run_pid: int) -> list[psutil.Process]:
    """Return the select servers that have the connections of all populations: 4, 2 and 8."""
    return [
        server
        for server in find_servers_below(run_pid)
        if server.cmdline()[3:4] == ["select"] and server.num_fds() >= 3 + 14
    ]

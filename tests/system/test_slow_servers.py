"""Runs over servers whose replies take longer than a slice of the plan."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.schema.csv_schema import DISTURBED
from tests.support.commands import run_python
from tests.support.processes import ROOT

pytestmark = [pytest.mark.serial, pytest.mark.slow]
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
DELAY_S = 0.04
PLAN = f"""
name = "slow"
models = ["select"]
transports = ["tcp"]
control = "none"
blocks = 1
timeout_s = 5.0

[[external_servers]]
name = "slow"
command = ["{sys.executable}", "{ROOT}/tests/support/slow_echo.py", "{{port}}", "{DELAY_S}"]
transports = ["tcp"]
"""
SCENARIOS = """
[[scenarios]]
name = "capacity"
connections = [1, 16]
seconds = 0.05

[[scenarios]]
name = "sessions"
lifecycle = "session"
requests_per_session = 3
connections = [16]
seconds = 0.05

[[scenarios]]
name = "latency"
connections = [16]
rate_rps = 100
arrivals = "constant"
seconds = 0.05
"""
NEVER = """
[[scenarios]]
name = "rarely"
connections = [1]
rate_rps = 0.1
seconds = 0.05
"""
LARGE = """
name = "large"
models = ["select"]
transports = ["tcp"]
control = "none"
baseline = "none"
blocks = 1
timeout_s = 20.0

[[scenarios]]
name = "capacity"
connections = [1]
message_bytes = [16777216]
seconds = 0.05
"""


def run_plan(tmp_path: Path, text: str, *arguments: str) -> tuple[Path, str]:
    """Run a plan; return its folder and what it printed on stderr."""
    (tmp_path / "plan.toml").write_text(text)
    options = ["--no-charts", "--output-dir", str(tmp_path / "results"), *arguments]
    completed = run_python("-m", "bench", "run", str(tmp_path / "plan.toml"), *options, timeout_s=110)
    assert completed.returncode in SUCCESS, completed.stderr
    return Path(completed.stdout.strip()), completed.stderr


def of_slow_arm(table: pd.DataFrame) -> Any:
    return table[table["arm"] == "slow/tcp"].set_index(["scenario", "connections"])


def test_slow_server_is_measured_at_its_rate(tmp_path: Path) -> None:
    folder, messages = run_plan(tmp_path, PLAN + SCENARIOS + NEVER)
    trials, lengths = (of_slow_arm(pd.read_csv(folder / name)) for name in ("trials.csv", "slice_lengths.csv"))
    for case in (("capacity", 1), ("capacity", 16), ("sessions", 16)):
        row, connections = trials.loc[case], case[1]
        # No client can ask again before its reply, and every client asks again at once (in a session: after a connect).
        assert row["mean_throughput_rps"] <= 1.001 * connections / DELAY_S
        assert row["mean_throughput_rps"] > 0.9 * connections / (row["service_mean_us"] / 1e6)
        assert lengths.loc[case, "cycle_s"] >= DELAY_S
        assert lengths.loc[case, "slice_s"] >= 3 * lengths.loc[case, "cycle_s"]
    assert lengths.loc[("sessions", 16), "cycle_s"] >= 3 * DELAY_S
    assert trials.loc[("latency", 16), "mean_throughput_rps"] == pytest.approx(100, rel=0.05)

    slices = pd.read_csv(folder / "slices.csv.gz")
    measured = of_slow_arm(slices[slices["codes"] != DISTURBED])
    windows_s = lengths["slice_s"] - lengths["slice_warmup_s"]
    assert (measured["duration_s"] - windows_s.reindex(measured.index)).abs().max() < 1e-6
    assert (measured["throughput_rps"] > 0).all()

    skipped = trials.loc[("rarely", 1)]
    assert skipped["status"] == "skipped"
    assert skipped["reason"].startswith("at 0.1 requests/s a slice with 10 requests would take 100 s")
    assert "slow/tcp in rarely, 1 connection, 64 bytes: skipped, at 0.1 requests/s" in messages
    assert "capacity, 16 connections, 64 bytes: longer slices, because replies are slow or rare: slow/tcp " in messages
    assert messages.index("longer slices") < messages.index("1 block, about ") < messages.index("block 1 of 1")


def test_replies_after_the_timeout_are_explained_before_the_first_block(tmp_path: Path) -> None:
    folder, messages = run_plan(tmp_path, PLAN + SCENARIOS, "--timeout", "0.02")
    trials = of_slow_arm(pd.read_csv(folder / "trials.csv"))
    assert set(trials["status"]) == {"failed"}
    expected = r"tcp://\S+ answered echo only after [\d.]+ s, but a request times out after 0\.02 s; give it more time"
    assert trials["reason"].str.match(expected).all(), list(trials["reason"])
    assert messages.index("slow/tcp will not be measured with echo: ") < messages.index("block 1 of 1")
    assert "timeout_s = 0.02" in (folder / "plan.toml").read_text()


FIRST_REPLY_IS_SLOW = """
import socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=100)
delays_s = [1.2]

def serve(conn):
    while data := conn.recv(65536):
        time.sleep(delays_s.pop() if delays_s else 0)
        conn.sendall(data)

while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def test_slow_first_reply_belongs_to_the_start(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(FIRST_REPLY_IS_SLOW)
    plan = PLAN.replace(f"{ROOT}/tests/support/slow_echo.py", f"{tmp_path}/first.py")
    folder, messages = run_plan(tmp_path, plan + SCENARIOS, "--timeout", "1", "--connections", "2")
    trials = of_slow_arm(pd.read_csv(folder / "trials.csv"))
    assert set(trials["status"]) == {"ok"}, messages


def test_fast_server_keeps_its_slices_beside_a_slow_one(tmp_path: Path) -> None:
    folder, _ = run_plan(tmp_path, PLAN + SCENARIOS, "--seconds", "0.4", "--connections", "16")
    lengths = of_slow_arm(pd.read_csv(folder / "slice_lengths.csv"))
    slices = pd.read_csv(folder / "slices.csv.gz").query("scenario == 'capacity' and codes != @DISTURBED")
    rounds = {arm: set(rows["round"]) for arm, rows in slices.groupby("arm")}
    assert len(rounds["select/tcp"]) == 16
    interval = int(lengths.loc[("capacity", 16), "round_interval"])
    assert len(rounds["slow/tcp"]) == -(-16 // interval) < 16
    assert rounds["slow/tcp"] < rounds["select/tcp"]


def test_messages_larger_than_a_slice_have_a_rate(tmp_path: Path) -> None:
    folder, _ = run_plan(tmp_path, LARGE)
    trial = pd.read_csv(folder / "trials.csv").iloc[0]
    length = pd.read_csv(folder / "slice_lengths.csv").iloc[0]
    assert length["cycle_s"] > 0.0055, "16 MiB cannot be echoed in less"
    assert trial["status"] == "ok"
    slices = pd.read_csv(folder / "slices.csv.gz")
    assert (slices["throughput_rps"] > 0).all()
    credit = slices["throughput_rps"] * slices["duration_s"]
    assert (credit <= slices["sent"]).all(), "a request counts at most once"
    counted = slices["codes"] != DISTURBED
    mean_rps = credit[counted].sum() / slices.loc[counted, "duration_s"].sum()
    assert trial["mean_throughput_rps"] == pytest.approx(mean_rps, rel=1e-6)


def test_time_budget_is_fitted_to_slow_servers(tmp_path: Path) -> None:
    plan = PLAN.replace(f'"{DELAY_S}"', '"1.5"') + SCENARIOS.partition('[[scenarios]]\nname = "sessions"')[0]
    (tmp_path / "plan.toml").write_text(plan)
    arguments = ["--no-charts", "--output-dir", str(tmp_path / "results"), "--minutes", "1"]
    completed = run_python("-m", "bench", "run", str(tmp_path / "plan.toml"), *arguments, timeout_s=110)
    assert completed.returncode == 2, completed.stderr
    assert "--minutes 1: too short for this plan, which needs at least " in completed.stderr
    assert "slow/tcp takes " in completed.stderr
    assert not (tmp_path / "results").exists(), "nothing was measured"

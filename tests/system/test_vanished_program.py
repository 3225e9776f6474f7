"""The program of an external server vanishes while a run measures it, or before the run is resumed."""

import os
import signal
import stat
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import run_python, start_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
RUN_TIMEOUT_S = 110.0
BLOCKS = 6

SERVER = f"""#!{sys.executable}
import socket, sys, threading

def answer(conn):
    while data := conn.recv(65536):
        conn.sendall(data)

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=100)
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""

PLAN = f"""
name = "vanishing"
models = ["select"]
transports = ["tcp"]
blocks = {BLOCKS}
control = "none"
baseline = "none"
[[scenarios]]
name = "capacity"
connections = [2]
seconds = 0.1
[[external_servers]]
name = "own"
command = [COMMAND]
"""
# A program is started by its path, and a script by its interpreter: the first is missed by the kernel.
KINDS = {
    "program": ('"{server}", "{{port}}"', "cannot be started: .*No such file"),
    "script": (f'"{sys.executable}", "{{server}}", "{{{{port}}}}"', "exited with code 2 during start-up.*No such file"),
}


def write_server(folder: Path, kind: str) -> tuple[Path, Path]:
    """Write a plan and the program of its external server; return both paths."""
    server, plan = folder / "server.py", folder / "plan.toml"
    server.write_text(SERVER)
    server.chmod(server.stat().st_mode | stat.S_IXUSR)
    plan.write_text(PLAN.replace("COMMAND", KINDS[kind][0].format(server=server)))
    return plan, server


def trials_of(folder: Path) -> pd.DataFrame:
    """Return the finished trials of a run so far."""
    paths = list(folder.glob("*/trials.csv"))
    return pd.read_csv(paths[0]) if paths and paths[0].stat().st_size else pd.DataFrame()


def check_results(folder: Path, stderr: str, reason: str) -> None:
    """Check that ``own`` was measured before its program vanished, and that later blocks have rows with a reason."""
    assert "Traceback" not in stderr
    trials = trials_of(folder)
    rows = trials[trials["model"] == "own"]
    assert list(trials[trials["model"] == "select"]["status"]) == ["ok"] * BLOCKS
    measured = int((rows["status"] == "ok").sum())
    assert 0 < measured < BLOCKS
    assert list(rows["status"]) == ["ok"] * measured + ["failed"] * (BLOCKS - measured)
    assert rows["reason"][measured:].str.contains(reason).all(), list(rows["reason"])
    (summary,) = folder.glob("*/summary.csv")
    of_own = pd.read_csv(summary)
    of_own = of_own[(of_own["arm"] == "own/tcp") & (of_own["metric"] == "throughput_rps")]
    assert (of_own["median"] > 0).all()
    assert of_own["codes"].str.contains(f"FAILED_BLOCKS={BLOCKS - measured}").all()


@pytest.mark.parametrize("kind", KINDS)
def test_program_that_vanishes_between_blocks_is_a_row_with_its_reason(kind: str, tmp_path: Path) -> None:
    plan, server = write_server(tmp_path, kind)
    arguments = ["run", str(plan), "--no-charts", "--output-dir", str(tmp_path / "results")]
    with start_python("-m", "bench", *arguments) as run:
        wait_until(lambda: len(trials_of(tmp_path / "results")) > 0, "a block is finished")
        server.unlink()
        _, stderr = run.communicate(timeout=RUN_TIMEOUT_S)
    assert run.returncode in SUCCESS, stderr
    check_results(tmp_path / "results", stderr, KINDS[kind][1])


@pytest.mark.parametrize("kind", KINDS)
def test_program_that_vanished_before_a_resume_is_a_row_with_its_reason(kind: str, tmp_path: Path) -> None:
    plan, server = write_server(tmp_path, kind)
    with start_python("-m", "bench", "run", str(plan), "--no-charts", "--output-dir", str(tmp_path / "results")) as run:
        wait_until(lambda: len(trials_of(tmp_path / "results")) > 0, "a block is finished")
        os.kill(run.pid, signal.SIGINT)
        run.communicate(timeout=RUN_TIMEOUT_S)
    server.unlink()
    (folder,) = (tmp_path / "results").iterdir()
    resumed = run_python("-m", "bench", "run", "--resume", str(folder), "--no-charts", timeout_s=RUN_TIMEOUT_S)
    assert resumed.returncode in SUCCESS, resumed.stderr
    assert "own/tcp will not be measured with echo: " in resumed.stderr
    check_results(tmp_path / "results", resumed.stderr, KINDS[kind][1])

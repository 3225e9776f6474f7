"""The processes of external servers in a run: all are measured, and none is left behind."""

import signal
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.support.commands import run_python, start_python
from tests.support.processes import have_exited
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
RUN_TIMEOUT_S = 110.0

_ECHO = """
import os, signal, socket, sys, threading
port = int(sys.argv[1])

def serve(listener):
    def answer(conn):
        while data := conn.recv(65536):
            conn.sendall(data)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

def listen(port):
    return socket.create_server(("127.0.0.1", port), backlog=100)
"""

SERVERS = {
    "daemon": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        serve(listen(port))
    os._exit(0)
signal.pause()
""",
    "forks_in_thread": """
def fork():
    if os.fork() == 0:
        serve(listen(port))
    signal.pause()
threading.Thread(target=fork).start()
""",
    "other_port": "serve(listen(0))",
    "writes": """
print("ready", flush=True)
def answer(conn):
    while data := conn.recv(65536):
        print("x" * 5000, flush=True)
        conn.sendall(data)
listener = listen(port)
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
""",
}

PLAN = """
name = "processes"
models = ["select"]
transports = ["tcp"]
blocks = 2
control = "none"
[[scenarios]]
name = "capacity"
connections = [2]
seconds = 0.1
"""


def write_plan(folder: Path, *names: str, blocks: int = 2) -> Path:
    """Write a plan with some of the servers. Their files are in the folder, by which their processes are found."""
    plan = PLAN.replace("blocks = 2", f"blocks = {blocks}")
    for name in names:
        (folder / f"{name}.py").write_text(_ECHO + SERVERS[name])
        ready = 'ready = "line"\n' if name == "writes" else "start_s = 3\n" if name == "other_port" else ""
        plan += (
            f'[[external_servers]]\nname = "{name}"\ncommand = ["{sys.executable}", "{folder}/{name}.py", "{{port}}"]\n'
        )
        plan += ready
    path = folder / "plan.toml"
    path.write_text(plan)
    return path


def find_processes(folder: Path) -> list[psutil.Process]:
    """Return the processes of a folder's servers, and their supervisors."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(argument.startswith(str(folder)) and argument.endswith(".py") for argument in command):
            found.append(process)
    return found


def test_every_process_of_external_server_is_measured_and_ended(tmp_path: Path) -> None:
    plan = write_plan(tmp_path, *SERVERS)
    arguments = ["run", str(plan), "--no-charts", "--output-dir", str(tmp_path)]
    completed = run_python("-m", "bench", *arguments, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    assert not find_processes(tmp_path)
    trials = pd.read_csv(Path(completed.stdout.strip()) / "trials.csv").set_index("model")
    measured = trials.loc[["daemon", "forks_in_thread", "writes"]]
    assert set(measured["status"]) == {"ok"}, measured["reason"].to_string()
    assert (measured["mean_cpu_us_per_request"] > 1).all()
    assert (trials.loc[["daemon", "forks_in_thread"], "processes"] == 2).all()
    assert (measured["memory_mb"] > 1).all()
    assert set(measured["cpu_source"]) <= {"cgroup", "clocks"}
    failed = trials.loc[["other_port"]]
    assert set(failed["status"]) == {"failed"}
    assert failed["reason"].str.match(r"server listens on \d+ instead of \{port\} = \d+").all(), list(failed["reason"])
    assert failed["reason"].nunique() == 1, "it was started once, before the first block"
    assert "writes/tcp wrote" in completed.stderr


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_after_a_run_was_ended(end: signal.Signals, tmp_path: Path) -> None:
    plan = write_plan(tmp_path, "daemon", "forks_in_thread", blocks=1000)
    with start_python("-m", "bench", "run", str(plan), "--no-charts", "--output-dir", str(tmp_path)) as run:
        wait_until(lambda: any(tmp_path.glob("*/trials.csv")), "the first block begins")
        wait_until(lambda: len(find_processes(tmp_path)) >= 6, "the servers run")
        processes = find_processes(tmp_path)
        run.send_signal(end)
        _, errors = run.communicate(timeout=60)
    if end != signal.SIGKILL:
        assert run.returncode == 130, errors
        assert "holabench run --resume" in errors
        assert "Traceback" not in errors
    wait_until(lambda: have_exited(processes) and not find_processes(tmp_path), "all processes have exited")


FORGETS = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = listen(port)
while True:
    conn = listener.accept()[0]
    if os.fork() == 0:
        while data := conn.recv(65536):
            conn.sendall(data)
        os._exit(0)
    conn.close()
"""

RUN_WITHOUT_CGROUPS = """
import sys
from bench.__main__ import main
from bench.experiment import supervised_child

supervised_child.create_cgroup = lambda: None
sys.argv = ["holabench", "run", *sys.argv[1:]]
sys.exit(main())
"""


def test_unknown_cpu_time_is_an_empty_cell_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SERVERS, "forgets", FORGETS)
    plan = write_plan(tmp_path, "forgets", "daemon")
    plan.write_text(plan.read_text().replace("seconds = 0.1", 'seconds = 0.1\nlifecycle = "session"', 1))
    arguments = [str(plan), "--output-dir", str(tmp_path)]
    completed = run_python("-c", RUN_WITHOUT_CGROUPS, *arguments, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    folder = Path(completed.stdout.strip())
    trials = pd.read_csv(folder / "trials.csv").set_index("model")
    forgets, daemon = trials.loc[["forgets"]], trials.loc[["daemon"]]
    assert set(forgets["status"]) == {"ok"}, forgets["reason"].to_string()
    assert forgets["mean_cpu_us_per_request"].isna().all()
    assert forgets["codes"].str.contains("CPU_TIME_UNKNOWN").all()
    assert (forgets["rss_mb"] > 1).all()
    assert set(daemon["cpu_source"]) == {"clocks"}
    assert (daemon["mean_cpu_us_per_request"] > 1).all()
    report = (folder / "report.md").read_text()
    assert "CPU_TIME_UNKNOWN" in report
    assert not find_processes(tmp_path)

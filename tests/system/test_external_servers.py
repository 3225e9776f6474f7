"""External and running servers, models from a folder and other interpreters, as arms of a run."""

import math
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import run_python
from tests.support.servers import start_server

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
SMALL = ["quick", "--models", "select", "--transports", "tcp", "--blocks", "1", "--seconds", "0.05"]
RUN_TIMEOUT_S = 110.0

SERVES_ONE_CLIENT = """
import socket, sys
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    conn, _ = sock.accept()
    while data := conn.recv(65536):
        conn.sendall(data)
    conn.close()
"""

ANSWERS_ONCE = """
import socket, sys
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    conn, _ = sock.accept()
    conn.sendall(conn.recv(65536))
    conn.close()
"""

SPEAKS_ANOTHER_PROTOCOL = """
import socket, sys
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    conn, _ = sock.accept()
    conn.recv(9)
    conn.sendall(b"x" * 64)
    conn.recv(9)
"""


def run_small(tmp_path: Path, *arguments: str) -> tuple[pd.DataFrame, str]:
    """Run a small plan; return its trials and what it printed on stderr."""
    options = [*arguments, "--no-charts", "--output-dir", str(tmp_path)]
    completed = run_python("-m", "bench", "run", *SMALL, *options, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    return pd.read_csv(Path(completed.stdout.strip()) / "trials.csv"), completed.stderr


EXAMPLE_SERVERS = {
    "hola": {"python": (sys.executable, "hola.py {port}")},
    "echo": {"php": ("php", "echo.php {port}"), "node": ("node", "echo.js tcp {port}")},
}


@pytest.mark.parametrize("protocol", EXAMPLE_SERVERS)
def test_example_servers_are_measured(protocol: str, tmp_path: Path) -> None:
    servers = {name: server for name, server in EXAMPLE_SERVERS[protocol].items() if shutil.which(server[0])}
    if not servers:
        pytest.skip(f"none of {', '.join(EXAMPLE_SERVERS[protocol])} on the path")
    options = [f"--server={name}={program} {EXAMPLES}/{rest}" for name, (program, rest) in servers.items()]
    trials, _ = run_small(tmp_path, *options, "--protocol", protocol, "--connections", "1")
    for name in servers:
        measured = trials[(trials["arm"] == f"{name}/tcp") & (trials["status"] == "ok")]
        assert set(measured["scenario"]) >= {"capacity"}, trials[["arm", "scenario", "status", "reason"]].to_string()
        assert (measured["replies"] > 0).all()
        assert (measured["mean_cpu_us_per_request"] > 0).all()


ECHOES = """
import asyncio, sys
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))).serve_forever()
asyncio.run(main())
"""


def test_scenarios_of_other_protocols_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHOES)
    trials, errors = run_small(tmp_path, "--server", f"mine={sys.executable} {tmp_path}/echo.py {{port}}")
    assert "skipping the hola scenarios for mine: server does not speak hola: " in errors
    mine = trials[trials["arm"] == "mine/tcp"].set_index("scenario")
    assert mine.loc["capacity", "status"] == "ok", mine["reason"].to_string()
    assert mine.loc["sessions", "status"] == "skipped"
    assert mine.loc["sessions", "reason"] == "mine speaks echo, not hola"
    assert "could not be measured" not in errors


ENDS_AFTER_TWO_REPLIES = """
import os, socket, sys, threading
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
asked = []

def serve(conn):
    while data := conn.recv(65536):
        asked.append(data)
        if len(asked) > 2:
            print("out of luck", file=sys.stderr, flush=True)
            os._exit(7)
        conn.sendall(data)

while True:
    threading.Thread(target=serve, args=(sock.accept()[0],), daemon=True).start()
"""

FAULTY_SERVERS = {
    "ends_later": ENDS_AFTER_TWO_REPLIES,
    "ends": "import sys; sys.exit(3)",
    "other": SPEAKS_ANOTHER_PROTOCOL,
    "once": ANSWERS_ONCE,
    "one": SERVES_ONE_CLIENT,
}
REASONS = {
    "ends": "3",
    "ends_later": "^server exited with code 7.*out of luck$",
    "other": "'xxx",
    "once": "after 1 repl",
}


def test_faulty_server_is_a_failed_or_skipped_row_with_reason(tmp_path: Path) -> None:
    options = ["--protocol", "echo", "--connections", "2"]
    for name, code in FAULTY_SERVERS.items():
        (tmp_path / f"{name}.py").write_text(code)
        options += ["--server", f"{name}={sys.executable} {tmp_path / name}.py {{port}}"]
    trials, errors = run_small(tmp_path, *options)
    assert "skipping several concurrent TCP clients for one: tcp://" in errors
    one = trials[(trials["arm"] == "one/tcp") & (trials["lifecycle"] == "persistent")]
    assert set(one["status"]) == {"skipped"}
    assert one["reason"].str.contains("1 persistent TCP client at a time").all()
    for name, reason in REASONS.items():
        failed = trials[(trials["arm"] == f"{name}/tcp") & (trials["lifecycle"] == "persistent")]
        assert set(failed["status"]) == {"failed"}
        assert failed["reason"].str.contains(reason).all(), list(failed["reason"])
        assert errors.count(f"warning: {name}/tcp in ") == 1, errors
    assert (trials[trials["arm"] == "select/tcp"]["status"] == "ok").all()
    assert "exiting with code 3: ends/tcp (capacity)" in errors


def test_command_that_the_kernel_refuses_stops_the_run_at_once(tmp_path: Path) -> None:
    program = tmp_path / "of-another-machine"
    program.write_bytes(b"\x7fELF" + b"\0" * 60)
    program.chmod(0o755)
    options = ["--server", f"mine={program} {{port}}", "--output-dir", str(tmp_path / "results")]
    completed = run_python("-m", "bench", "run", *SMALL, *options, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode == 2, completed.stderr
    last_line = f"holabench: external server 'mine': cannot be started: {program}: Exec format error"
    assert completed.stderr.splitlines()[-1:] == [last_line]
    assert not (tmp_path / "results").exists()


LOSES_TWO_OF_THREE = """
import socket, sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
asked = {}
while True:
    datagram, peer = sock.recvfrom(65536)
    asked[peer] = asked.get(peer, 0) + 1
    if asked[peer] % 3 == 1:
        sock.sendto(datagram, peer)
"""

LOSSY_PLAN = """
name = "lossy"
models = ["select"]
transports = ["udp"]
blocks = 3
timeout_s = 0.02
[[external_servers]]
name = "lossy"
command = ["{python}", "lossy.py", "{port}"]
folder = "FOLDER"
transports = ["udp"]
[[scenarios]]
name = "latency"
connections = [64]
rate_rps = 4000
seconds = 0.25
"""


def test_lossy_server_has_infinite_percentiles(tmp_path: Path) -> None:
    (tmp_path / "lossy.py").write_text(LOSES_TWO_OF_THREE)
    (tmp_path / "lossy.toml").write_text(LOSSY_PLAN.replace("FOLDER", str(tmp_path)))
    arguments = [str(tmp_path / "lossy.toml"), "--output-dir", str(tmp_path)]
    completed = run_python("-m", "bench", "run", *arguments, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    folder = Path(completed.stdout.strip())
    summary = pd.read_csv(folder / "summary.csv").query("arm == 'lossy/udp'").set_index("metric")
    assert (summary.loc[["latency_p50_us", "service_p50_us"], "median"] == math.inf).all()
    assert summary["findings"].str.contains("OPEN_LOOP_LOSS=").all()
    ratios = pd.read_csv(folder / "comparisons.csv").query("arm == 'lossy/udp' and metric == 'latency_p50_us'")
    assert list(ratios["conclusion"]) == ["inconclusive"]
    assert list(ratios["ratio"]) == [math.inf]
    assert "lossy/udp" in (folder / "charts" / "latency.svg").read_text()
    assert "lossy" in (folder / "report.html").read_text()


def test_model_from_folder_is_listed_measured_and_charted(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "mine.py").write_text('"""A model of my own."""\n\nfrom servers.models.epoll import serve_tcp\n')
    listed = run_python("-m", "bench", "models", "--models-from", str(models))
    assert "A model of my own." in listed.stdout
    arguments = [*SMALL, "--models", "mine,select", "--connections", "1,16", "--models-from", str(models)]
    completed = run_python("-m", "bench", "run", *arguments, "--output-dir", str(tmp_path), timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    folder = Path(completed.stdout.strip())
    trials = pd.read_csv(folder / "trials.csv")
    assert set(trials[trials["arm"] == "mine/tcp"]["status"]) == {"ok"}
    assert "mine" in (folder / "charts" / "throughput.svg").read_text()


def test_other_interpreter_is_an_arm(tmp_path: Path) -> None:
    pypy = shutil.which("pypy3")
    trials, _ = run_small(tmp_path, "--python", ",".join(filter(None, [sys.executable, pypy])))
    label = f"{sys.version_info[0]}.{sys.version_info[1]}"
    other = trials[trials["arm"] == f"select/tcp@{label}"]
    assert set(other["status"]) == {"ok"}
    assert set(other["python"]) == set(trials[trials["arm"] == "select/tcp"]["python"])
    if pypy:
        other = trials[trials["arm"].str.startswith("select/tcp@pypy")]
        assert set(other["status"]) == {"ok"}, list(other["reason"])
        assert other["python"].str.startswith("pypy").all()


def test_running_server_is_measured_without_resources(tmp_path: Path) -> None:
    with start_server("epoll") as server:
        options = ["--target", f"tcp://127.0.0.1:{server['port']}", "--protocol", "echo"]
        trials, _ = run_small(tmp_path, *options)
    target = trials[(trials["arm"] == "target/tcp") & (trials["lifecycle"] == "persistent")]
    assert set(target["status"]) == {"ok"}, list(target["reason"])
    assert (target["replies"] > 0).all()
    resources = ["mean_cpu_us_per_request", "rss_mb", "memory_mb", "threads", "server_cpu_share"]
    assert target[resources].isna().all(axis=None)
    assert set(target["limited_by"]) <= {"generator", "unknown"}

"""Servers of somebody else: as arms of a run, started by a command, and refused where they speak something else."""

import math
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from bench.plan.toml import load_plan
from tests.support.commands import run_python as python
from tests.support.servers import start_server as server

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
DONE = (0, 3)  # 3: a figure is invalid, which a busy machine can make it
SMALL = ["--profile", "quick", "--models", "select", "--transports", "tcp", "--blocks", "1", "--seconds", "0.05"]

SERVES_ONE = """
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

SPEAKS_SOMETHING_ELSE = """
import socket, sys
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
conn, _ = sock.accept()
conn.recv(9)
conn.sendall(b"x" * 64)
conn.recv(9)
"""


def measured(tmp_path: Path, *words: str) -> tuple[pd.DataFrame, str]:
    """The trials of a run, and what it said meanwhile."""
    ended = python("-m", "bench", "run", *SMALL, *words, "--no-charts", "--into", str(tmp_path))
    assert ended.returncode in DONE, ended.stderr
    return pd.read_csv(Path(ended.stdout.strip()) / "trials.csv"), ended.stderr


def trials(tmp_path: Path, *words: str) -> pd.DataFrame:
    return measured(tmp_path, *words)[0]


GUESTS = {
    "hola": {"python": (sys.executable, "hola.py {port}")},
    "echo": {"php": ("php", "echo.php {port}"), "node": ("node", "echo.js tcp {port}")},
}


@pytest.mark.parametrize("protocol", GUESTS)
def test_the_examples_are_measured_beside_a_model(protocol: str, tmp_path: Path) -> None:
    here = {name: guest for name, guest in GUESTS[protocol].items() if shutil.which(guest[0])}
    if not here:
        pytest.skip(f"none of {', '.join(GUESTS[protocol])} on the path")
    words = [f"--server={name}={program} {EXAMPLES}/{rest}" for name, (program, rest) in here.items()]
    found = trials(tmp_path, *words, "--protocol", protocol, "--connections", "1")
    for name in here:
        guest = found[(found["arm"] == f"{name}/tcp") & (found["status"] == "ok")]
        assert set(guest["scenario"]) >= {"capacity"}, found[["arm", "scenario", "status", "reason"]].to_string()
        assert (guest["replies"] > 0).all()
        assert (guest["cpu_us_per_request"] > 0).all()


WRONG = {
    "ends": ("import sys; sys.exit(3)", "server exited with code 3 during start-up"),
    "other": (SPEAKS_SOMETHING_ELSE, "expected "),
    "once": (ANSWERS_ONCE, "closed the connection after 1 replies"),
    "one": (SERVES_ONE, "served only 1 of 2 concurrent clients"),
}


def test_a_server_that_does_not_serve_is_a_row_that_says_why(tmp_path: Path) -> None:
    words = ["--protocol", "echo", "--connections", "2"]
    for name, (code, _) in WRONG.items():
        (tmp_path / f"{name}.py").write_text(code)
        words += ["--server", f"{name}={sys.executable} {tmp_path / name}.py {{port}}"]
    found, told = measured(tmp_path, *words)
    for name, (_, said) in WRONG.items():
        guest = found[(found["arm"] == f"{name}/tcp") & (found["lifecycle"] == "persistent")]
        assert set(guest["status"]) == {"failed"}
        assert guest["reason"].str.contains(said).all(), list(guest["reason"])
        assert told.count(f"warning: {name}/tcp in capacity, 2 connections, 64 bytes: failed, ") == 1, told
    assert (found[found["arm"] == "select/tcp"]["status"] == "ok").all()


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
rate_rps = 4000.0
seconds = 0.25
"""


def test_a_server_that_loses_most_is_told_with_percentiles_that_took_for_ever(tmp_path: Path) -> None:
    (tmp_path / "lossy.py").write_text(LOSES_TWO_OF_THREE)
    (tmp_path / "lossy.toml").write_text(LOSSY_PLAN.replace("FOLDER", str(tmp_path)))
    ended = python("-m", "bench", "run", "--profile", str(tmp_path / "lossy.toml"), "--into", str(tmp_path))
    assert ended.returncode in DONE, ended.stderr
    folder = Path(ended.stdout.strip())
    summary = pd.read_csv(folder / "summary.csv").query("arm == 'lossy/udp'").set_index("metric")
    assert (summary.loc[["latency_p50_us", "service_p50_us"], "median"] == math.inf).all()
    assert summary["codes"].str.contains("OPEN_LOOP_LOSS=").all()
    ratios = pd.read_csv(folder / "comparisons.csv").query("arm == 'lossy/udp' and metric == 'latency_p50_us'")
    assert list(ratios["conclusion"]) == ["inconclusive"]
    assert list(ratios["ratio"]) == [math.inf]
    assert "Too much was lost to give a figure: lossy/udp" in (folder / "charts" / "latency.svg").read_text()
    assert "lossy" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--server", "php"], "NAME=COMMAND"),
        (["--server", "php=php server.php"], "{port}"),
        (["--server", 'php=php "server.php {port}'], "--server"),
        (["--server", "select=python {port}"], "'select' is listed twice"),
        (["--python", "9.99"], "no interpreter '9.99'"),
        (["--target", "localhost:80"], "tcp://HOST:PORT"),
        (["--models-from", "nowhere"], "'nowhere' is not a folder"),
        (["--minutes", "0.2"], "too few"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    ended = python("-m", "bench", "run", "--profile", "quick", *words, "--into", str(tmp_path))
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert said in ended.stderr


def test_a_model_of_ones_own_is_listed_measured_and_charted(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.py").write_text('"""A model of my own."""\n\nfrom servers.models.epoll import serve_tcp\n')
    listed = python("-m", "bench", "models", "--models-from", str(own))
    assert "A model of my own." in listed.stdout
    words = [*SMALL, "--models", "mine,select", "--connections", "1,16"]
    ended = python("-m", "bench", "run", *words, "--models-from", str(own), "--into", str(tmp_path))
    assert ended.returncode in DONE, ended.stderr
    folder = Path(ended.stdout.strip())
    found = pd.read_csv(folder / "trials.csv")
    assert set(found[found["arm"] == "mine/tcp"]["status"]) == {"ok"}
    assert "mine" in (folder / "charts" / "throughput.svg").read_text()


def test_another_interpreter_is_an_arm_of_its_own(tmp_path: Path) -> None:
    pypy = shutil.which("pypy3")
    found = trials(tmp_path, "--python", ",".join(filter(None, [sys.executable, pypy])))
    label = f"{sys.version_info[0]}.{sys.version_info[1]}"
    other = found[found["arm"] == f"select/tcp@{label}"]
    assert set(other["status"]) == {"ok"}
    assert set(other["python"]) == set(found[found["arm"] == "select/tcp"]["python"])
    if pypy:
        other = found[found["arm"].str.startswith("select/tcp@pypy")]
        assert set(other["status"]) == {"ok"}, list(other["reason"])
        assert other["python"].str.startswith("pypy").all()


def test_a_server_that_is_up_already_is_loaded_and_nothing_is_told_of_its_resources(tmp_path: Path) -> None:
    with server("epoll") as ready:
        found = trials(tmp_path, "--target", f"tcp://127.0.0.1:{ready['port']}", "--protocol", "echo")
    target = found[(found["arm"] == "target/tcp") & (found["lifecycle"] == "persistent")]
    assert set(target["status"]) == {"ok"}, list(target["reason"])
    assert (target["replies"] > 0).all()
    assert target[["cpu_us_per_request", "rss_mb", "memory_mb", "threads", "server_cpu_share"]].isna().all(axis=None)
    assert set(target["limited_by"]) <= {"generator", "unknown"}


def test_plans_and_profiles_are_told_without_running_them() -> None:
    listed = python("-m", "bench", "profiles")
    named = ("quick", "standard", "thorough", "loops", "workers", "pollers", "interpreters", "tutorial")
    assert all(name in listed.stdout for name in named), listed.stderr
    tutorial = python("-m", "bench", "plan", "tutorial")
    assert "hola.py" in tutorial.stdout, tutorial.stderr
    shown = python("-m", "bench", "plan", "standard")
    assert f"{load_plan('standard').blocks} blocks" in shown.stdout
    assert "iterative/tcp" in shown.stdout

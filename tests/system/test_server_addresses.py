"""Servers as users write them: on one address or on both families, over UDP, with few replies per connection."""

import re
import socket
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clients.kernel_counters import has_listener
from tests.support.commands import run_python, start_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
RUN_TIMEOUT_S = 110.0

# Usage: server.py TRANSPORT HOST PORT [REPLIES_PER_CONNECTION]
SERVER = """
import socket, sys, threading
transport, host, port, *limit = sys.argv[1:]
address = (host, int(port))
family = socket.AF_INET6 if ":" in host else socket.AF_INET

def serve(conn):
    left = int(limit[0]) if limit else -1
    with conn:
        while left and (data := conn.recv(65536)):
            conn.sendall(data)
            left -= 1

if transport == "tcp":
    listener = socket.create_server(address, family=family, backlog=512, dualstack_ipv6=host == "::")
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
sock = socket.socket(family, socket.SOCK_DGRAM)
sock.bind(address)
while True:
    datagram, peer = sock.recvfrom(65536)
    sock.sendto(datagram, peer)
"""


@pytest.fixture
def server(tmp_path: Path) -> str:
    """Return the beginning of a command that starts the server."""
    (tmp_path / "server.py").write_text(SERVER)
    return f"{sys.executable} {tmp_path / 'server.py'}"


def run_small(tmp_path: Path, *arguments: str) -> tuple[pd.DataFrame, str, Path]:
    """Run a small plan; return its trials, what it printed on stderr, and its folder."""
    options = ["--blocks", "1", "--output-dir", str(tmp_path), *arguments]
    completed = run_python("-m", "bench", "run", *options, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    folder = Path(completed.stdout.strip())
    return pd.read_csv(folder / "trials.csv"), completed.stderr, folder


def by_case(trials: pd.DataFrame) -> dict[tuple[str, str], dict[Any, Any]]:
    """Return the rows of a run of one block and one load point per scenario, by arm and scenario."""
    return {(row["arm"], row["scenario"]): row for row in trials.to_dict("records")}


QUICK = ["quick", "--models", "select", "--protocol", "echo", "--connections", "2", "--seconds", "0.05", "--no-charts"]


def test_servers_of_every_address_and_transport_are_measured(tmp_path: Path, server: str) -> None:
    commands = {
        "v4": "{transport} {host} {port}",
        "v6": "{transport} ::1 {port}",
        "both": "{transport} :: {port}",
    }
    options = [f"--server={name}/tcp+udp={server} {rest}" for name, rest in commands.items()]
    trials, errors, _ = run_small(tmp_path, *QUICK, *options)
    measured = by_case(trials)
    for name in commands:
        for transport in ("tcp", "udp"):
            row = measured[f"{name}/{transport}", "capacity"]
            assert row["status"] == "ok", (row["reason"], errors)
            assert row["replies"] > 0
            assert "UNEXPLAINED_LOSS" not in str(row["codes"])


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_target_by_name_is_measured_and_its_address_is_kept(host: str, shown: str, tmp_path: Path, server: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
    with start_python(*server.split()[1:], "tcp", host, str(port)):
        wait_until(lambda: has_listener("tcp", host, port), "the server listens")
        options = ["--transports", "tcp", "--target", f"tcp://localhost:{port}"]
        trials, errors, folder = run_small(tmp_path, *QUICK, *options)
        loaded = run_python("-m", "clients", "load", f"tcp://localhost:{port}", "--seconds", "0.1")
    assert f"target: localhost:{port} is {shown}:{port}" in errors
    assert f'target = "{shown}:{port}"' in (folder / "plan.toml").read_text()
    assert set(trials[trials["arm"] == "target/tcp"]["status"]) == {"ok"}
    assert loaded.returncode == 0, loaded.stderr
    assert f"tcp://{shown}:{port}  echo" in loaded.stdout


PLAN = """
name = "once"
models = ["select"]
transports = ["tcp"]
[[external_servers]]
name = "once"
command = ["{python}", "server.py", "tcp", "{host}", "{port}", "1"]
folder = "FOLDER"
[[external_servers]]
name = "variable"
command = ["sh", "-c", 'exec "$PYTHON" server.py "$TRANSPORT" 127.0.0.1 "$PORT"']
folder = "FOLDER"
environment = {PORT = "{port}", TRANSPORT = "{transport}", PYTHON = "{python}"}
[[external_servers]]
name = "twenty"
command = ["{python}", "server.py", "tcp", "{host}", "{port}", "20"]
folder = "FOLDER"
[[scenarios]]
name = "requests"
lifecycle = "session"
requests_per_session = 1
connections = [2]
seconds = 0.05
[[scenarios]]
name = "capacity"
connections = [2]
seconds = 0.05
"""


def test_server_that_ends_connections_is_measured_or_explained(tmp_path: Path, server: str) -> None:
    assert server
    (tmp_path / "plan.toml").write_text(PLAN.replace("FOLDER", str(tmp_path)))
    trials, errors, folder = run_small(tmp_path, str(tmp_path / "plan.toml"))
    rows = by_case(trials)
    for name in ("once", "variable", "twenty"):
        assert rows[f"{name}/tcp", "requests"]["status"] == "ok", (rows[f"{name}/tcp", "requests"]["reason"], errors)
    assert rows["variable/tcp", "capacity"]["status"] == "ok"
    assert rows["once/tcp", "capacity"]["status"] == "failed"
    assert "the connection after 1 reply" in rows["once/tcp", "capacity"]["reason"]
    assert rows["twenty/tcp", "capacity"]["status"] == "ok"
    ended = r"the server (closed|reset) (up to )?\d+ connections?"
    assert re.search(ended, errors), errors
    meaning = r"onnections that the server (closed while a reply was due|ended with a reset)"
    assert re.search(meaning, (folder / "report.html").read_text())

"""``python -m clients``, as a process against real servers."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.commands import run_python, start_python
from tests.support.processes import ROOT, run_program
from tests.support.servers import start_server

pytestmark = pytest.mark.slow

CPU = str(min(os.sched_getaffinity(0)))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_talk_prints_tutorial_conversation(transport: str) -> None:
    with start_server("select", transport, "hola") as ready:
        completed = run_python(
            "-m", "clients", "talk", ready["host"], str(ready["port"]), "--transport", transport, "--wait", "0"
        )
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "pues hola\npues adios\n", "")


def test_talk_to_closed_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    completed = run_python("-m", "clients", "talk", "127.0.0.1", str(port))
    assert completed.returncode == 2
    assert f"127.0.0.1:{port}" in completed.stderr
    assert completed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("transport", "protocol", "lifecycle"),
    [
        ("tcp", "echo", "persistent"),
        ("udp", "echo", "persistent"),
        ("tcp", "hola", "session"),
        ("udp", "hola", "session"),
        ("tcp", "echo", "session"),
        ("tcp", "hola", "persistent"),
    ],
)
def test_load_writes_only_its_document_to_stdout(transport: str, protocol: str, lifecycle: str) -> None:
    with start_server("select", transport, protocol) as ready:
        url = f"{transport}://127.0.0.1:{ready['port']}"
        options = ["--protocol", protocol, "--lifecycle", lifecycle, "--connections", "5", "--seconds", "0.2"]
        completed = run_python("-m", "clients", "load", url, *options, "--warmup", "0.05", "--json", "-")
    assert completed.returncode == 0, completed.stderr
    document: dict[str, Any] = json.loads(completed.stdout)
    assert document["target"] == url
    assert document["sent"] == document["ledger"]["ok"] > document["replies"] > 0
    in_flight = 5  # at most, at either end of the window: there a reply counts in part
    assert abs(0.2 * document["throughput_rps"] - document["replies"]) <= in_flight
    assert document["latency_us"] is None
    assert len(document["windows"]) == 20
    assert sum(window["replies"] for window in document["windows"]) == document["service_us"]["count"]
    assert document["errors"] == {}


@pytest.mark.parametrize(
    ("transport", "protocol", "lifecycle"),
    [
        ("udp", "echo", "persistent"),
        ("tcp", "echo", "persistent"),
        ("tcp", "hola", "session"),
        ("udp", "hola", "session"),
    ],
)
def test_uncompiled_loop_agrees_with_compiled_one(transport: str, protocol: str, lifecycle: str) -> None:
    """The two loops check each other: both ledgers balance, and all requests are answered."""
    documents = []
    with start_server("select", transport, protocol) as ready:
        for disabled in ("0", "1"):
            options = ["--protocol", protocol, "--lifecycle", lifecycle, "--connections", "3", "--seconds", "0.3"]
            options += ["--timeout", "5", "--json", "-"]
            url = f"{transport}://127.0.0.1:{ready['port']}"
            completed = run_python("-m", "clients", "load", url, *options, NUMBA_DISABLE_JIT=disabled)
            assert completed.returncode == 0, completed.stderr
            documents.append(json.loads(completed.stdout))
    for document in documents:
        assert document["sent"] == document["ledger"]["ok"] > 0
        assert document["errors"] == {}
        assert document["replies"] > 0
        assert document["service_us"]["count"] <= document["sent"]
    assert documents[0].keys() == documents[1].keys()


def test_uncompiled_open_loop_has_same_schedule_as_compiled(tmp_path: Path) -> None:
    files = []
    with start_server("select", "udp") as ready:
        for disabled in ("0", "1"):
            files.append(tmp_path / f"{disabled}.npy")
            options = ["--rate", "300", "--seed", "5", "--connections", "3", "--seconds", "0.5", "--warmup", "0"]
            options += ["--message-bytes", "20:1,200:2", "--depth", "64", "--timeout", "5", "--raw", str(files[-1])]
            url = f"udp://127.0.0.1:{ready['port']}"
            completed = run_python("-m", "clients", "load", url, *options, NUMBA_DISABLE_JIT=disabled)
            assert completed.returncode == 0, completed.stderr
    compiled, plain = (np.sort(np.load(file), order="intended_ns") for file in files)
    assert len(compiled) == len(plain) > 100
    for rows in (compiled, plain):
        assert (rows["received_ns"] >= rows["sent_ns"]).all()
    # Times are relative to the start of each load: fractions of a nanosecond may be rounded differently.
    assert np.diff(compiled["intended_ns"]) == pytest.approx(np.diff(plain["intended_ns"]), abs=2)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_load_far_beyond_reach_ends_with_its_codes(transport: str) -> None:
    memory_kb = 4_000_000  # of addresses, most of them numba's: 20 million requests must not be kept
    with start_server("select", transport) as ready:
        url = f"{transport}://127.0.0.1:{ready['port']}"
        load = [sys.executable, "-m", "clients", "load", url, "--rate", "1e7", "--connections", "4"]
        load += ["--seconds", "2", "--warmup", "0", "--json", "-"]
        limited = ["sh", "-c", f'ulimit -v {memory_kb} && exec "$@"', "sh", *load]
        completed = run_program(limited, timeout_s=60.0)
    assert completed.returncode == 0, completed.stderr
    document = json.loads(completed.stdout)
    codes = {flag["code"] for flag in document["verdict"]["flags"]}
    assert {"UNSENT", "OVERLOAD"} <= codes
    assert document["sent"] + document["unsent"] == document["scheduled"] > 10_000_000


def test_load_describes_open_loop() -> None:
    with start_server("asyncio") as ready:
        options = ["--rate", "500", "--arrivals", "burst", "--seconds", "0.3", "--cpus", CPU]
        completed = run_python("-m", "clients", "load", f"tcp://127.0.0.1:{ready['port']}", *options)
    assert completed.returncode == 0, completed.stderr
    assert "open loop, 500 requests/s due (burst)" in completed.stdout
    for words in ("latency      p50", "service time p50", "lateness     p50"):
        assert words in completed.stdout


def test_load_prints_results_and_saves_document(tmp_path: Path) -> None:
    with start_server("asyncio") as ready:
        file = tmp_path / "result.json"
        url = f"tcp://localhost:{ready['port']}"
        completed = run_python("-m", "clients", "load", url, "--seconds", "0.2", "--cpus", CPU, "--json", str(file))
    assert completed.returncode == 0, completed.stderr
    assert "requests/s" in completed.stdout
    assert "verdict      " in completed.stdout
    assert json.loads(file.read_text())["generator"]["cpus"] == [int(CPU)]


def test_ctrl_c_stops_load_and_keeps_results() -> None:
    with start_server("select") as ready:
        url = f"tcp://127.0.0.1:{ready['port']}"
        options = ["--seconds", "600", "--warmup", "0", "--json", "-"]
        with start_python("-m", "clients", "load", url, *options) as load:
            assert load.stderr is not None
            assert "Ctrl-C" in load.stderr.readline()
            load.send_signal(signal.SIGINT)
            output, _ = load.communicate(timeout=30)
    assert load.returncode == 0
    assert json.loads(output)["duration_s"] < 500


ENDS_AT_ITS_101ST_REQUEST = """
import os, socket
sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
asked = 0
while True:
    conn, _ = sock.accept()
    while data := conn.recv(65536):
        asked += 1
        if asked > 100:
            os._exit(1)
        conn.sendall(data)
"""


@pytest.mark.parametrize("options", [(), ("--lifecycle", "session"), ("--rate", "2000")])
def test_load_of_a_server_that_ends_reports_what_was_measured(options: tuple[str, ...]) -> None:
    with start_python("-c", ENDS_AT_ITS_101ST_REQUEST) as server:
        assert server.stdout is not None
        url = f"tcp://127.0.0.1:{server.stdout.readline().strip()}"
        lengths = ["--seconds", "0.3", "--warmup", "0"]
        completed = run_python("-m", "clients", "load", url, *options, *lengths, "--json", "-")
        server.communicate(timeout=30)
    assert completed.returncode == 0, completed.stderr
    document = json.loads(completed.stdout)
    assert 0 < document["ledger"]["ok"] <= 100
    assert document["ledger"]["lost"] > 0
    assert document["errors"]
    assert "SERVER_GONE" in document["verdict"]["codes"]
    assert document["verdict"]["status"] == "invalid"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["load", "tcp://127.0.0.1"], 2, ["'tcp://127.0.0.1'", "tcp://HOST:PORT"]),
        (["load", "http://127.0.0.1:80"], 2, ["'http://127.0.0.1:80'"]),
        (["load", "tcp://127.0.0.1:1", "--connections", "0"], 2, ["--connections", "0"]),
        (["load", "udp://127.0.0.1:1", "--message-bytes", "65508"], 2, ["--message-bytes 65508", "65507"]),
        (["load", "tcp://127.0.0.1:1", "--cpus", "a"], 2, ["--cpus", "'a'"]),
        (["load", "tcp://127.0.0.1:1", "--cpus", "9999"], 2, ["9999"]),
        (["load", "tcp://127.0.0.1:1", "--cpus", f"{CPU},{CPU}"], 2, ["--cpus", "twice"]),
        (["load", "tcp://127.0.0.1:1", "--lifecycle", "eternal"], 2, ["--lifecycle", "eternal", "persistent"]),
        (["load", "udp://127.0.0.1:1", "--depth", "2", "--protocol", "hola"], 2, ["--depth 2", "use tcp"]),
        (["load", "tcp://127.0.0.1:1", "--rate", "5", "--think", "1"], 2, ["--rate 5", "--think 1", "closed loop"]),
        (["load", "tcp://127.0.0.1:1", "--message-bytes", "64:0"], 2, ["'64:0'", "64:9,1024:1"]),
        (["load", "tcp://127.0.0.1:1", "--rate", "-1"], 2, ["--rate", "-1"]),
        (["load", "tcp://127.0.0.1:1", "--rate", "1e-300"], 2, ["--rate 1e-300", "0.001"]),
        (["load", "tcp://127.0.0.1:1", "--think", "1e300"], 2, ["--think", "1e300"]),
        (["load", "tcp://127.0.0.1:1", "--think", "nan"], 2, ["--think nan"]),
        (["load", "tcp://127.0.0.1:1", "--seconds", "nan"], 2, ["--seconds nan"]),
        (["load", "tcp://127.0.0.1:1", "--requests-per-session", "9" * 23], 2, ["--requests-per-session", "9" * 23]),
        (["load", "tcp://127.0.0.1:1", "--message-bytes", "64:1e308,65:1e308"], 2, ["'64:1e308,65:1e308'"]),
        (["load", "tcp://127.0.0.1:1", "--message-bytes", "64:9:4"], 2, ["'64:9:4'"]),
        (["load", "tcp://[::1"], 2, ["'tcp://[::1'", "tcp://HOST:PORT"]),
        (["load", "tcp://\udcff:80"], 2, ["udcff"]),
        (["load", "tcp://no-such-host.invalid:80"], 2, ["'no-such-host.invalid'", "numeric"]),
        (["load", "tcp://::1:80"], 2, ["'tcp://::1:80'", "tcp://[ADDRESS]:PORT"]),
        (["load", "tcp://127.0.0.1:1"], 2, ["nobody listens on tcp://127.0.0.1:1", "refused", "check the address"]),
        (["talk", "a..b", "80"], 2, ["'a..b'"]),
        (["talk", "a" * 64, "80"], 2, ["a" * 64]),
        (["talk", "\udcff", "80"], 2, ["udcff"]),
        (["talk", "127.0.0.1", "70000"], 2, ["port", "70000", "65535"]),
        (["talk", "127.0.0.1", "80", "--wait", "inf"], 2, ["--wait", "inf"]),
        (["talk", "127.0.0.1", "80", "--wait", "nan"], 2, ["wait", "nan"]),
        (["walk"], 2, ["walk"]),
    ],
)
def test_wrong_input_is_one_line_with_its_value(arguments: list[str], code: int, expected: list[str]) -> None:
    completed = run_python("-m", "clients", *arguments)
    lines = completed.stderr.splitlines()
    assert completed.returncode == code
    assert len(lines) == 1, completed.stderr
    assert all(part in lines[0] for part in expected), lines


def test_too_many_connections_report_descriptor_limit() -> None:
    words = ["-m", "clients", "load", "tcp://127.0.0.1:1", "--connections", "999999"]
    completed = run_python(*words, descriptors=256)
    assert completed.returncode == 2
    assert completed.stderr.count("\n") == 1
    assert all(part in completed.stderr for part in ("1000063", "the limit is 256", "ulimit"))


def test_worker_survives_wrong_values() -> None:
    with start_server("select", "udp") as ready:
        settings = {"transport": "udp", "host": "127.0.0.1", "port": ready["port"], "timeout_s": 5.0}
        wrong: list[dict[str, Any]] = [
            {"port": 99999},
            {"timeout_s": 1e300},
            {"requests_per_session": 10**22},
            {"rate_rps": 1e-300},
            {"connections": None},
        ]
        commands: list[dict[str, Any]] = [
            {"do": "open", "id": "a", "settings": {**settings, **change}} for change in wrong
        ]
        commands += [{"do": "open", "id": "a", "settings": settings}]
        commands += [{"do": "slice", "id": "a", "seconds": seconds, "warmup_s": 0} for seconds in (1e300, None, 0.05)]
        completed = subprocess.run(
            [sys.executable, "-m", "clients", "worker"],
            input="".join(json.dumps(command) + "\n" for command in commands),
            capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        )  # fmt: skip
    answers = [json.loads(line) for line in completed.stdout.splitlines()[1:]]
    assert [answer["ok"] for answer in answers] == [False] * 5 + [True, False, False, True]
    assert all("\n" not in answer["error"] for answer in answers if not answer["ok"])
    assert answers[-1]["slice"]["sent"] > 0


def test_worker_answers_each_line_and_exits_with_its_input() -> None:
    with start_server("select", "udp") as ready:
        settings = {"transport": "udp", "host": "127.0.0.1", "port": ready["port"], "connections": 2}
        commands: list[Any] = [
            {"do": "hello"},
            {"do": "verify", "settings": settings},
            {"do": "open", "id": "a", "settings": settings},
            {"do": "slice", "id": "a", "seconds": 0.05, "warmup_s": 0.01},
            {"do": "slice", "id": "b", "seconds": 0.05, "warmup_s": 0.01},
            {"do": "close", "id": "a"},
            {"do": "dance"},
            {"do": "open", "id": "c", "settings": {"colour": "red"}},
        ]
        completed = subprocess.run(
            [sys.executable, "-m", "clients", "worker"],
            input="".join(json.dumps(command) + "\n" for command in commands) + "not json\n",
            capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        )  # fmt: skip
    ready_line, *answers = [json.loads(line) for line in completed.stdout.splitlines()]
    assert ready_line["ready"]
    assert [answer["ok"] for answer in answers] == [True, True, True, True, False, True, False, False, False]
    assert answers[2]["connected"] == 2
    assert answers[3]["slice"]["replies"] > 0
    assert answers[5]["document"]["replies"] == answers[3]["slice"]["replies"]
    slots = answers[5]["histograms"]["service"]
    assert sum(count for _, _, count in slots) == answers[5]["document"]["replies"]

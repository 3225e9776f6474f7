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

from tests.support.commands import run_python as python
from tests.support.commands import start_python as started
from tests.support.processes import ROOT
from tests.support.servers import start_server as server

pytestmark = pytest.mark.slow

CPU = str(min(os.sched_getaffinity(0)))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_talk_holds_the_tutorials_conversation(transport: str) -> None:
    with server("select", transport, "hola") as ready:
        ended = python(
            "-m", "clients", "talk", ready["host"], str(ready["port"]), "--transport", transport, "--wait", "0"
        )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "pues hola\npues adios\n", "")


def test_talk_to_nobody_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ended = python("-m", "clients", "talk", "127.0.0.1", str(port))
    assert ended.returncode == 1
    assert f"127.0.0.1:{port}" in ended.stderr
    assert ended.stderr.count("\n") == 1


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
def test_load_writes_its_document_alone_on_stdout(transport: str, protocol: str, lifecycle: str) -> None:
    with server("select", transport, protocol) as ready:
        url = f"{transport}://127.0.0.1:{ready['port']}"
        options = ["--protocol", protocol, "--lifecycle", lifecycle, "--connections", "5", "--seconds", "0.2"]
        ended = python("-m", "clients", "load", url, *options, "--warmup", "0.05", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    assert document["target"] == url
    assert document["sent"] == document["ledger"]["ok"] > document["replies"] > 0
    assert document["throughput_rps"] == pytest.approx(document["replies"] / 0.2)
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
def test_the_uncompiled_loop_agrees_with_the_compiled_one(transport: str, protocol: str, lifecycle: str) -> None:
    """Each is the other's oracle: the same counts balance, and the same requests are answered."""
    documents = []
    with server("select", transport, protocol) as ready:
        for disabled in ("0", "1"):
            options = ["--protocol", protocol, "--lifecycle", lifecycle, "--connections", "3", "--seconds", "0.3"]
            options += ["--timeout", "5", "--json", "-"]
            url = f"{transport}://127.0.0.1:{ready['port']}"
            ended = python("-m", "clients", "load", url, *options, NUMBA_DISABLE_JIT=disabled)
            assert ended.returncode == 0, ended.stderr
            documents.append(json.loads(ended.stdout))
    for document in documents:
        assert document["sent"] == document["ledger"]["ok"] > 0
        assert document["errors"] == {}
        assert document["replies"] > 0
        assert document["service_us"]["count"] <= document["sent"]
    assert documents[0].keys() == documents[1].keys()


def test_the_uncompiled_open_loop_has_the_same_schedule_as_the_compiled_one(tmp_path: Path) -> None:
    files = []
    with server("select", "udp") as ready:
        for disabled in ("0", "1"):
            files.append(tmp_path / f"{disabled}.npy")
            options = ["--rate", "300", "--seed", "5", "--connections", "3", "--seconds", "0.5", "--warmup", "0"]
            options += ["--message-bytes", "20:1,200:2", "--depth", "64", "--timeout", "5", "--raw", str(files[-1])]
            url = f"udp://127.0.0.1:{ready['port']}"
            ended = python("-m", "clients", "load", url, *options, NUMBA_DISABLE_JIT=disabled)
            assert ended.returncode == 0, ended.stderr
    compiled, plain = (np.sort(np.load(file), order="intended_ns") for file in files)
    assert len(compiled) == len(plain) > 100
    for rows in (compiled, plain):
        assert (rows["received_ns"] >= rows["sent_ns"]).all()
    # Times are reckoned from the start of each: what is left of a nanosecond may be rounded another way.
    assert np.diff(compiled["intended_ns"]) == pytest.approx(np.diff(plain["intended_ns"]), abs=2)


def test_an_open_loop_is_told_as_one() -> None:
    with server("asyncio") as ready:
        options = ["--rate", "500", "--arrivals", "burst", "--seconds", "0.3", "--cpus", CPU]
        ended = python("-m", "clients", "load", f"tcp://127.0.0.1:{ready['port']}", *options)
    assert ended.returncode == 0, ended.stderr
    assert "open loop, 500 requests/s due (burst)" in ended.stdout
    for words in ("latency      p50", "service time p50", "lateness     p50"):
        assert words in ended.stdout


def test_load_says_in_words_what_it_saw_and_keeps_the_document(tmp_path: Path) -> None:
    with server("asyncio") as ready:
        file = tmp_path / "result.json"
        url = f"tcp://localhost:{ready['port']}"
        ended = python("-m", "clients", "load", url, "--seconds", "0.2", "--cpus", CPU, "--json", str(file))
    assert ended.returncode == 0, ended.stderr
    assert "requests/s" in ended.stdout
    assert "verdict      " in ended.stdout
    assert json.loads(file.read_text())["generator"]["cpus"] == [int(CPU)]


def test_ctrl_c_ends_a_load_early_with_what_was_measured() -> None:
    with server("select") as ready:
        url = f"tcp://127.0.0.1:{ready['port']}"
        options = ["--seconds", "600", "--warmup", "0", "--json", "-"]
        with started("-m", "clients", "load", url, *options) as load:
            assert load.stderr is not None
            assert "Ctrl-C" in load.stderr.readline()
            load.send_signal(signal.SIGINT)
            output, _ = load.communicate(timeout=30)
    assert load.returncode == 0
    assert json.loads(output)["duration_s"] < 500


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["load", "tcp://127.0.0.1"], 2, ["'tcp://127.0.0.1'", "tcp://HOST:PORT"]),
        (["load", "http://127.0.0.1:80"], 2, ["'http://127.0.0.1:80'"]),
        (["load", "tcp://127.0.0.1:1", "--connections", "0"], 2, ["--connections", "0"]),
        (["load", "udp://127.0.0.1:1", "--message-bytes", "65508"], 2, ["65508", "65507"]),
        (["load", "tcp://127.0.0.1:1", "--cpus", "a"], 2, ["--cpus", "'a'"]),
        (["load", "tcp://127.0.0.1:1", "--cpus", "9999"], 2, ["9999"]),
        (["load", "tcp://127.0.0.1:1", "--cpus", f"{CPU},{CPU}"], 2, ["--cpus", "twice"]),
        (["load", "tcp://127.0.0.1:1", "--lifecycle", "eternal"], 2, ["--lifecycle", "eternal", "persistent"]),
        (["load", "udp://127.0.0.1:1", "--depth", "2", "--protocol", "hola"], 2, ["depth 2", "use tcp"]),
        (["load", "tcp://127.0.0.1:1", "--rate", "5", "--think", "1"], 2, ["think", "rate"]),
        (["load", "tcp://127.0.0.1:1", "--message-bytes", "64:0"], 2, ["'64:0'", "64:9,1024:1"]),
        (["load", "tcp://127.0.0.1:1", "--rate", "-1"], 2, ["--rate", "-1"]),
        (["load", "tcp://127.0.0.1:1", "--rate", "1e-300"], 2, ["rate", "1e-300", "0.001"]),
        (["load", "tcp://127.0.0.1:1", "--think", "1e300"], 2, ["--think", "1e300"]),
        (["load", "tcp://127.0.0.1:1", "--think", "nan"], 2, ["think", "nan"]),
        (["load", "tcp://127.0.0.1:1", "--seconds", "nan"], 2, ["seconds", "nan"]),
        (["load", "tcp://127.0.0.1:1", "--requests-per-session", "9" * 23], 2, ["--requests-per-session", "9" * 23]),
        (["load", "tcp://127.0.0.1:1", "--message-bytes", "64:1e308,65:1e308"], 2, ["'64:1e308,65:1e308'"]),
        (["load", "tcp://127.0.0.1:1", "--message-bytes", "64:9:4"], 2, ["'64:9:4'"]),
        (["load", "tcp://[::1"], 2, ["'tcp://[::1'", "tcp://HOST:PORT"]),
        (["load", "tcp://\udcff:80"], 2, ["udcff"]),
        (["load", "tcp://example.com:80"], 2, ["'example.com'", "numeric"]),
        (["load", "tcp://127.0.0.1:1"], 1, ["tcp://127.0.0.1:1", "refused"]),
        (["talk", "a..b", "80"], 2, ["'a..b'"]),
        (["talk", "a" * 64, "80"], 2, ["a" * 64]),
        (["talk", "\udcff", "80"], 2, ["udcff"]),
        (["talk", "127.0.0.1", "70000"], 2, ["port", "70000", "65535"]),
        (["talk", "127.0.0.1", "80", "--wait", "inf"], 2, ["--wait", "inf"]),
        (["talk", "127.0.0.1", "80", "--wait", "nan"], 2, ["wait", "nan"]),
        (["walk"], 2, ["walk"]),
    ],
)
def test_what_cannot_be_is_one_line_that_names_it(words: list[str], code: int, said: list[str]) -> None:
    ended = python("-m", "clients", *words)
    lines = ended.stderr.splitlines()
    assert ended.returncode == code
    assert len(lines) == 1, ended.stderr
    assert all(part in lines[0] for part in said), lines


def test_more_connections_than_open_files_are_one_line_that_says_how_many_there_may_be() -> None:
    words = ["-m", "clients", "load", "tcp://127.0.0.1:1", "--connections", "999999"]
    ended = python(*words, descriptors=256)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert all(part in ended.stderr for part in ("1000063", "the limit is 256", "ulimit"))


def test_no_value_in_a_command_ends_the_worker() -> None:
    with server("select", "udp") as ready:
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
        ended = subprocess.run(
            [sys.executable, "-m", "clients", "worker"],
            input="".join(json.dumps(command) + "\n" for command in commands),
            capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        )  # fmt: skip
    answers = [json.loads(line) for line in ended.stdout.splitlines()[1:]]
    assert [answer["ok"] for answer in answers] == [False] * 5 + [True, False, False, True]
    assert all("\n" not in answer["error"] for answer in answers if not answer["ok"])
    assert answers[-1]["slice"]["sent"] > 0


def test_the_worker_answers_a_line_with_a_line_and_ends_with_its_input() -> None:
    with server("select", "udp") as ready:
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
        ended = subprocess.run(
            [sys.executable, "-m", "clients", "worker"],
            input="".join(json.dumps(command) + "\n" for command in commands) + "not json\n",
            capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        )  # fmt: skip
    ready_line, *answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ready_line["ready"]
    assert [answer["ok"] for answer in answers] == [True, True, True, True, False, True, False, False, False]
    assert answers[2]["connected"] == 2
    assert answers[3]["slice"]["replies"] > 0
    assert answers[5]["document"]["replies"] == answers[3]["slice"]["replies"]
    slots = answers[5]["histograms"]["service"]
    assert sum(count for _, _, count in slots) == answers[5]["document"]["replies"]

"""``python -m clients load --populations``, as a process against real servers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.commands import run_python
from tests.support.servers import start_server

pytestmark = pytest.mark.slow

QUIET = {"name": "quiet", "settings": {"connections": 2, "rate_rps": 200.0, "timeout_s": 5.0}}
IDLE = {"name": "idle", "settings": {"connections": 5, "behaviour": "silent"}}


def write(folder: Path, populations: Any) -> str:
    file = folder / "populations.json"
    file.write_text(json.dumps(populations))
    return str(file)


def load(port: int, file: str, *options: str) -> Any:
    return run_python("-m", "clients", "load", f"tcp://127.0.0.1:{port}", "--populations", file, *options)


def test_populations_of_a_file_load_one_server(tmp_path: Path) -> None:
    raw = tmp_path / "raw.npy"
    with start_server("select") as ready:
        file = write(tmp_path, [QUIET, IDLE])
        completed = load(ready["port"], file, "--seconds", "0.3", "--warmup", "0", "--json", "-", "--raw", str(raw))
    assert completed.returncode == 0, completed.stderr
    documents = json.loads(completed.stdout)["populations"]
    assert list(documents) == ["quiet", "idle"]
    assert documents["quiet"]["ledger"]["ok"] == documents["quiet"]["scheduled"] == len(np.load(raw)) > 20
    assert documents["idle"]["connects"] == 5


def test_heat_map_has_the_requests_of_each_population(tmp_path: Path) -> None:
    phased = {"name": "changing", "settings": {"phases": [["a", 0.2, 100], ["b", 0.2, 400]], "timeout_s": 5.0}}
    table, picture = tmp_path / "map.csv", tmp_path / "map.svg"
    with start_server("select") as ready:
        for populations, seconds in (([QUIET, IDLE], ["--seconds", "0.3"]), ([phased], [])):
            file = write(tmp_path, populations)
            options = [*seconds, "--warmup", "0", "--json", "-", "--heat-map", str(table)]
            completed = load(ready["port"], file, *options)
            assert completed.returncode == 0, completed.stderr
            name = populations[0]["name"]
            rows = pd.read_csv(table)
            assert set(rows["population"]) == {name}
            document = json.loads(completed.stdout)["populations"][name]
            assert rows["requests"].sum() == document["scheduled"]
            assert rows["start_s"].nunique() > 10
        assert load(ready["port"], file, "--warmup", "0", "--heat-map", str(picture)).returncode == 0
    assert ">b</text>" in picture.read_text()


def test_uncompiled_populations_agree_with_compiled_ones(tmp_path: Path) -> None:
    phases = [["a", 0.2, 100], ["b", 0.2, 200]]
    populations = [
        {"name": "changing", "settings": {"phases": phases, "arrivals": "constant", "timeout_s": 5.0}},
        {"name": "idle", "settings": {"connections": 3, "behaviour": "silent"}},
        {"name": "slow", "settings": {"behaviour": "trickle", "trickle_s": 0.02, "message_bytes": 2, "timeout_s": 5.0}},
        {"name": "rude", "settings": {"behaviour": "never_reads", "message_bytes": 1000}},
    ]
    found = []
    with start_server("select") as ready:
        url = f"tcp://127.0.0.1:{ready['port']}"
        for disabled in ("0", "1"):
            words = ["--populations", write(tmp_path, populations), "--warmup", "0", "--json", "-"]
            completed = run_python("-m", "clients", "load", url, *words, NUMBA_DISABLE_JIT=disabled)
            assert completed.returncode == 0, completed.stderr
            found.append(json.loads(completed.stdout)["populations"])
    for documents in found:
        assert [phase["sent"] for phase in documents["changing"]["phases"]] == pytest.approx([20, 40], abs=1)
        assert documents["idle"]["connects"] == 3
        assert documents["slow"]["ledger"]["ok"] == documents["slow"]["sent"] > 2
        assert documents["rude"]["unread_bytes"] > 1000


def test_phases_give_the_load_its_length(tmp_path: Path) -> None:
    phases = [["before", 0.1, 100], ["peak", 0.2, 1000]]
    changing = {"name": "changing", "settings": {"phases": phases, "timeout_s": 5.0}}
    with start_server("select") as ready:
        completed = load(ready["port"], write(tmp_path, [changing, IDLE]), "--warmup", "0.05")
    assert completed.returncode == 0, completed.stderr
    for words in ("population changing\n", "population changing, phase peak\n", "population idle, phase before\n"):
        assert words in completed.stdout
    assert "5 connections that send nothing" in completed.stdout


@pytest.mark.parametrize(
    ("populations", "options", "expected"),
    [
        ([], [], ["1 to 16 populations"]),
        ({"quiet": 1}, [], ["expected a list of populations"]),
        ([{"name": "a"}], [], ["does not consist of name and settings"]),
        ([QUIET, QUIET], [], ["'quiet' occurs twice"]),
        ([{"name": "a", "settings": {"colour": 1}}], [], ["population 'a'", "colour is not a setting"]),
        ([{"name": "a", "settings": {"depth": 0}}], [], ["population 'a'", "depth 0"]),
        ([{"name": "a", "settings": {"port": 99}}], [], ["population 'a'", "a server of its own"]),
        ([{"name": "a", "settings": {"spin": "x"}}, QUIET], [], ["'a' and 'quiet'", "spin"]),
        ([QUIET], ["--depth", "2"], ["--depth and --populations", "write the setting into the file"]),
        ([QUIET], ["--rate", "0"], ["--rate and --populations"]),
        ([{"name": "a", "settings": {"phases": [["p", 1]]}}], ["--seconds", "3"], ["--seconds 3", "last 1 s"]),
    ],
)
def test_wrong_populations_are_one_line(
    tmp_path: Path, populations: Any, options: list[str], expected: list[str]
) -> None:
    completed = load(1, write(tmp_path, populations), *options)
    assert completed.returncode == 2
    assert completed.stderr.count("\n") == 1, completed.stderr
    assert all(part in completed.stderr for part in ("--populations", *expected)), completed.stderr


@pytest.mark.parametrize("content", ["not json", b"\xff", None])
def test_unreadable_file_of_populations_is_one_line(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "populations.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    completed = load(1, str(file))
    assert completed.returncode == 2
    assert completed.stderr.count("\n") == 1, completed.stderr
    assert f"--populations {file}" in completed.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--protocol", "work", "--wait-ms", "2000"], ["wait 2000 ms", "--timeout 1", "longer than the wait"]),
        (["--protocol", "work", "--message-bytes", "20"], ["--message-bytes 20", "from 24 to 1048576"]),
        (["--protocol", "work", "--work-mix", "5:1"], ["--work-mix '5:1'", "WAIT_MS:UNITS:WEIGHT"]),
        (["--protocol", "work", "--work-mix", "0:1:0"], ["weight 0.0"]),
        (["--wait-ms", "5"], ["protocol echo has no wait", "use protocol work"]),
        (["--behaviour", "silent", "--rate", "5"], ["'silent' and rate_rps contradict"]),
        (["--retries", "2", "--depth", "4"], ["--retries 2 over TCP", "depth 1"]),
    ],
)
def test_wrong_work_and_behaviour_are_one_line(options: list[str], expected: list[str]) -> None:
    completed = run_python("-m", "clients", "load", "tcp://127.0.0.1:1", *options)
    assert completed.returncode == 2
    assert completed.stderr.count("\n") == 1, completed.stderr
    assert all(part in completed.stderr for part in expected), completed.stderr

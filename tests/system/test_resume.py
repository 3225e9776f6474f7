"""A run that is cut off goes on where it was: nothing that was finished is lost, or measured twice."""

import json
import os
import random
import signal
from pathlib import Path

import pandas as pd
import pytest

from tests.processes import gone
from tests.system.commands import python, servers_of, started, wait_until

SMALL = ["--profile", "quick", "--models", "select", "--transports", "tcp", "--connections", "1", "--protocol", "echo"]
BLOCKS = 5
DONE = (0, 3)  # 3: a figure is invalid, which a busy machine can make it
RAW = ("trials.csv", "slices.csv", "histograms.csv", "resources.csv", "rounds.csv")


def folder_of(into: Path) -> Path:
    (found,) = into.iterdir()
    return found


def finished(folder: Path) -> bytes:
    return (folder / "trials.csv").read_bytes() if (folder / "trials.csv").exists() else b""


def kill(*words: str, into: Path, random_: random.Random) -> None:
    """Start a run, and end it by SIGKILL at some moment after it has begun to write."""
    with started("-m", "bench", "run", *words) as process:
        wait_until(lambda: any(into.glob("*/trials.csv")), "there is a folder")
        before = len(finished(folder_of(into)))
        wanted = random_.random()
        if wanted < 0.7:  # most while a block is on its way, some while one is written
            wait_until(lambda: len(finished(folder_of(into))) > before or process.poll() is not None, "a block ends")
        servers = servers_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: gone(servers), "its servers end with it")


def test_a_run_that_is_killed_again_and_again_ends_with_every_block_once(tmp_path: Path) -> None:
    random_ = random.Random(7)
    words = [*SMALL, "--blocks", str(BLOCKS), "--seconds", "0.05", "--seed", "5", "--into", str(tmp_path)]
    kill(*words, into=tmp_path, random_=random_)
    folder = folder_of(tmp_path)
    kept = finished(folder)
    for _ in range(2):
        kill("--resume", str(folder), into=tmp_path, random_=random_)
        now = finished(folder)
        assert now.startswith(kept[: kept.rfind(b"\n") + 1])
        kept = now
    with (folder / "slices.csv").open("ab") as file:
        file.write(b"4,0,torn")
    ended = python("-m", "bench", "run", "--resume", str(folder), "--no-charts")
    assert ended.returncode in DONE, ended.stderr
    assert "mended: slices.csv" in ended.stderr
    trials = pd.read_csv(folder / "trials.csv")
    for _, of_case in trials.groupby(["arm", "scenario", "connections"]):
        assert sorted(of_case["block"]) == list(range(BLOCKS))
    assert set(trials["seed"]) == {5}
    for name in RAW:
        assert sorted(pd.read_csv(folder / name)["block"].unique()) == list(range(BLOCKS))
    again = python("-m", "bench", "run", "--resume", str(folder))
    assert again.returncode == 2
    assert "nothing is missing" in again.stderr


def test_two_runs_cannot_write_into_one_folder(tmp_path: Path) -> None:
    words = [*SMALL, "--blocks", "50", "--seconds", "0.05", "--into", str(tmp_path)]
    with started("-m", "bench", "run", *words):
        wait_until(lambda: any(tmp_path.glob("*/trials.csv")), "there is a folder")
        ended = python("-m", "bench", "run", "--resume", str(folder_of(tmp_path)))
    assert ended.returncode == 2
    assert "another run is writing" in ended.stderr


@pytest.mark.parametrize("command", [("report",), ("run", "--resume"), ("compare", "{folder}"), ("history",)])
def test_a_folder_of_another_schema_is_refused(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"schema": 99, "holabench": {"version": "9.0"}}))
    words = [word.format(folder=tmp_path) for word in command]
    ended = python("-m", "bench", *words, str(tmp_path))
    assert ended.returncode == 2
    assert "has the schema 99" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_resumed_run_takes_no_other_plan(tmp_path: Path) -> None:
    ended = python("-m", "bench", "run", "--resume", str(tmp_path), "--blocks", "3")
    assert ended.returncode == 2
    assert "leave out the other options" in ended.stderr


def test_results_for_scripts_are_lines_of_json(tmp_path: Path) -> None:
    words = [*SMALL, "--blocks", "1", "--seconds", "0.05", "--into", str(tmp_path), "--json", "--no-charts"]
    ended = python("-m", "bench", "run", *words)
    assert ended.returncode in DONE, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert lines[-1] == {"folder": str(folder_of(tmp_path))}
    arms = {line["arm"] for line in lines[:-1] if line.get("metric") == "throughput_rps"}
    assert {"select/tcp", "select/tcp~control"} <= arms


def test_a_plan_is_shown_without_running_what_it_names(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\ntouch {touched}\n")
    spy.chmod(0o755)
    quick = Path(__file__).parents[2] / "bench" / "plan" / "presets" / "quick.toml"
    external = f'\n[[external_servers]]\nname = "spy"\ncommand = ["{spy}", "{{port}}"]\n'
    plan = tmp_path / "plan.toml"
    head, rest = quick.read_text().split("[[scenarios]]", 1)
    head = head.replace('question = "', 'question = "[/nope] \\u001b]0;mine\\u0007', 1)
    plan.write_text(f'{head}pythons = {{"9.9" = "{spy}"}}\n{external}\n[[scenarios]]{rest}')
    ended = python("-m", "bench", "plan", str(plan))
    assert ended.returncode == 0, ended.stderr
    assert "[/nope]" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert "9.9" in ended.stdout
    assert not touched.exists()

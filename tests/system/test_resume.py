"""An interrupted run is resumed: finished blocks stay, and no block is measured twice."""

import json
import os
import random
import signal
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import find_servers_below as servers_of
from tests.support.commands import run_python as python
from tests.support.commands import start_python as started
from tests.support.processes import have_exited as gone
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SMALL = ["quick", "--models", "select", "--transports", "tcp", "--connections", "1", "--protocol", "echo"]
OUTPUT_DIR = "--output-dir"
BLOCKS = 5
FINISHED = (0, 3)  # 3: a result is invalid, which a busy machine can cause
RAW = ("trials.csv", "slices.csv.gz", "histograms.csv.gz", "resources.csv.gz", "rounds.csv")


def run_folder(output_dir: Path) -> Path:
    (folder,) = output_dir.iterdir()
    return folder


def read_trials(folder: Path) -> bytes:
    path = folder / "trials.csv"
    return path.read_bytes() if path.exists() else b""


def kill_run(*options: str, output_dir: Path, random_: random.Random) -> None:
    """Start a run, and kill it at some moment after it has started to write."""
    with started("-m", "bench", "run", *options) as process:
        wait_until(lambda: any(output_dir.glob("*/trials.csv")), "the run folder exists")
        size_before = len(read_trials(run_folder(output_dir)))
        if random_.random() < 0.7:  # mostly during a block, sometimes while one is written
            wait_until(
                lambda: len(read_trials(run_folder(output_dir))) > size_before or process.poll() is not None,
                "a block is finished",
            )
        servers = servers_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: gone(servers), "the servers exit with the run")


def test_run_killed_three_times_has_every_block_once(tmp_path: Path) -> None:
    random_ = random.Random(7)
    options = [*SMALL, "--blocks", str(BLOCKS), "--seconds", "0.05", "--seed", "5", OUTPUT_DIR, str(tmp_path)]
    kill_run(*options, output_dir=tmp_path, random_=random_)
    folder = run_folder(tmp_path)
    kept = read_trials(folder)
    for _ in range(2):
        kill_run("--resume", str(folder), output_dir=tmp_path, random_=random_)
        now = read_trials(folder)
        assert now.startswith(kept[: kept.rfind(b"\n") + 1])
        kept = now
    lengths = (folder / "slice_lengths.csv").read_bytes()
    with (folder / "rounds.csv").open("ab") as file:
        file.write(b"4,0,torn")
    with (folder / "slices.csv.gz").open("ab") as file:
        file.write((folder / "slices.csv.gz").read_bytes()[:20])  # the start of a member
    ended = python("-m", "bench", "run", "--resume", str(folder), "--no-charts")
    assert ended.returncode in FINISHED, ended.stderr
    assert "rounds.csv: removed" in ended.stderr
    assert "slices.csv.gz: removed" in ended.stderr
    assert (folder / "slice_lengths.csv").read_bytes() == lengths, "the lengths of the first calibration are used again"
    trials = pd.read_csv(folder / "trials.csv")
    for _, rows in trials.groupby(["arm", "scenario", "connections"]):
        assert sorted(rows["block"]) == list(range(BLOCKS))
    assert set(trials["seed"]) == {5}
    for name in RAW:
        assert sorted(pd.read_csv(folder / name)["block"].unique()) == list(range(BLOCKS))
    again = python("-m", "bench", "run", "--resume", str(folder))
    assert again.returncode == 2
    assert "the run is complete" in again.stderr


def test_two_runs_cannot_write_into_one_folder(tmp_path: Path) -> None:
    options = [*SMALL, "--blocks", "50", "--seconds", "0.05", OUTPUT_DIR, str(tmp_path)]
    with started("-m", "bench", "run", *options):
        wait_until(lambda: any(tmp_path.glob("*/trials.csv")), "the run folder exists")
        ended = python("-m", "bench", "run", "--resume", str(run_folder(tmp_path)))
    assert ended.returncode == 2
    assert "another run is writing" in ended.stderr


@pytest.mark.parametrize("schema", [1, 99])
@pytest.mark.parametrize("command", [("report",), ("run", "--resume"), ("compare", "{folder}"), ("history",)])
def test_folder_of_another_schema_is_refused(command: tuple[str, ...], schema: int, tmp_path: Path) -> None:
    environment = {"schema": schema, "holabench": {"version": "0.1.0"}}
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    arguments = [argument.format(folder=tmp_path) for argument in command]
    ended = python("-m", "bench", *arguments, str(tmp_path))
    assert ended.returncode == 2
    assert f"was written by holabench 0.1.0 in results schema {schema}" in ended.stderr
    assert "Read it with that version, or measure again." in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_resumed_run_rejects_options_that_change_its_plan(tmp_path: Path) -> None:
    ended = python("-m", "bench", "run", "--resume", str(tmp_path), "--blocks", "3")
    assert ended.returncode == 2
    assert "remove --blocks" in ended.stderr


def test_json_lines_end_with_the_folder(tmp_path: Path) -> None:
    options = [*SMALL, "--blocks", "1", "--seconds", "0.05", OUTPUT_DIR, str(tmp_path), "--json", "--no-charts"]
    ended = python("-m", "bench", "run", *options)
    assert ended.returncode in FINISHED, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert lines[-1] == {"type": "run", "folder": str(run_folder(tmp_path))}
    arms = {line["arm"] for line in lines[:-1] if line.get("metric") == "throughput_rps"}
    assert {"select/tcp", "select/tcp~control"} <= arms


def test_plan_command_runs_nothing_that_the_plan_names(tmp_path: Path) -> None:
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

"""Whole runs over several machines, with agents on loopback."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("distributed", reason="runs over several machines need the extra cluster")

from bench.fleet import fleet_run
from bench.fleet.fleet_run import FleetHosts
from bench.plan.definition import Plan
from bench.plan.toml import decode
from bench.store.run_folder import RunFolder
from tests.support.commands import run_python
from tests.support.fleet import start_agents, start_fleet

if TYPE_CHECKING:
    import subprocess

    from bench.experiment.observer import CaseFinished, SliceFinished
    from bench.experiment.runner import Outcome
    from bench.fleet.controller import Fleet
    from clients.quality_codes import Thresholds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOST = "127.0.0.1"
PLAN = """
name = "small"
models = ["select"]
transports = ["tcp", "udp"]
control = "none"
baseline = "none"
seed = 5
blocks = {blocks}
slice_s = 0.02

[[scenarios]]
name = "capacity"
connections = [5]
seconds = {seconds}
"""


class Watcher:
    """An observer that keeps what it sees, and can act on the first slice of a block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.slices: list[tuple[int, str]] = []
        self.on_block: dict[int, Any] = {}

    def on_message(self, text: str) -> None:
        self.lines.append(text)

    def on_warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")

    def on_run_start(self, slices: int | None, blocks: int | None, thresholds: "Thresholds") -> None:
        self.lines.append(f"start: {slices} slices, {blocks} blocks, changed {thresholds.changed()}")

    def on_slice(self, event: "SliceFinished") -> None:
        self.slices.append((event.block, event.row.arm))
        if action := self.on_block.pop(event.block, None):
            action()

    def on_case(self, event: "CaseFinished") -> None:
        self.lines.append(f"case: {len(event.trials)} trials")

    def on_folder_change(self, folder: Path) -> None:
        self.lines.append(str(folder))


def make_plan(blocks: int = 2, seconds: float = 0.1) -> Plan:
    return decode(PLAN.format(blocks=blocks, seconds=seconds), "of the test")


@contextmanager
def start_hosts(*generators: str) -> Iterator[tuple["Fleet", FleetHosts, dict[str, "subprocess.Popen[bytes]"]]]:
    names = ("lab1", *generators)
    with start_fleet(*names) as (fleet, agents):
        yield fleet, FleetHosts("lab1", generators, dict.fromkeys(names, HOST)), agents


def check_trials(outcome: "Outcome", blocks: int) -> Any:
    outcome.folder.unlock()
    trials = outcome.folder.read().trials
    assert sorted(trials["block"].unique()) == list(range(blocks))
    assert set(trials["server_host"]) == {"lab1"}
    return trials


def test_run_of_three_hosts_has_the_folder_of_a_run_on_one(tmp_path: Path) -> None:
    watcher = Watcher()
    with start_hosts("lab2", "lab3") as (fleet, hosts, _):
        outcome = fleet_run.run(fleet, hosts, make_plan(), tmp_path, watcher)
    assert (outcome.blocks, outcome.failure, outcome.interrupted, outcome.complete) == (2, "", False, True)
    trials = check_trials(outcome, 2)
    assert set(trials["generator_hosts"]) == {"lab2 lab3"}
    assert set(trials["status"]) == {"ok"}
    measured = trials[trials["model"] == "select"]
    assert measured["sent"] == measured[["ok", "late", "lost", "corrupt"]].sum(axis=1) if "ok" in trials else True
    assert (measured["mean_throughput_rps"] > 100).all()
    assert (measured["mean_cpu_us_per_request"] > 0).all()
    assert set(outcome.folder.read().environment["fleet"]) == {"lab2", "lab3"}
    assert (measured["start_skew_us"] > 0).all()
    assert (measured["start_margin_us"] > 0).all()
    run = outcome.folder.read()
    assert run.generators is not None
    assert set(run.generators["generator_host"]) == {"lab2", "lab3"}
    assert run.generators["sent"].sum() == trials["sent"].sum()
    assert run.slices["start_skew_us"].notna().all()
    assert {block for block, _ in watcher.slices} == {0, 1}
    assert any(line.startswith("start: ") for line in watcher.lines)


def test_host_without_a_home_keeps_its_copy_in_the_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    environment = {"HOME": "/dev/null", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path / "host")}
    with start_fleet("lab1", environment=environment) as (fleet, _):
        hosts = FleetHosts("lab1", ("lab1",), {"lab1": HOST})
        outcome = fleet_run.run(fleet, hosts, make_plan(), tmp_path / "results", Watcher())
    assert (outcome.failure, outcome.complete) == ("", True)
    outcome.folder.unlock()
    assert len([*(tmp_path / "host").glob("holabench-*/*/complete.json")]) == 1


def test_lost_generator_fails_the_trials_of_its_block_alone(tmp_path: Path) -> None:
    watcher = Watcher()
    with start_hosts("lab2") as (fleet, hosts, agents):
        watcher.on_block[1] = lambda: os.kill(agents["lab2"].pid, signal.SIGKILL)
        outcome = fleet_run.run(fleet, hosts, make_plan(3, 0.8), tmp_path, watcher)
    assert "lab2" in outcome.failure
    assert not outcome.complete
    trials = check_trials(outcome, 2)
    assert set(trials[trials["block"] == 0]["status"]) == {"ok"}
    failed = trials[trials["status"] == "failed"]
    assert set(failed["block"]) == {1}
    assert failed["reason"].str.contains("generator on lab2").all()


def test_lost_host_of_the_servers_fails_its_block_and_the_run_resumes(tmp_path: Path) -> None:
    watcher = Watcher()
    with start_hosts("lab2") as (fleet, hosts, agents):
        watcher.on_block[1] = lambda: os.kill(agents["lab1"].pid, signal.SIGKILL)
        outcome = fleet_run.run(fleet, hosts, make_plan(3, 0.8), tmp_path, watcher)
    assert "agent lab1" in outcome.failure
    assert "during block 2" in outcome.failure
    trials = check_trials(outcome, 2)
    assert set(trials[trials["block"] == 1]["status"]) == {"failed"}
    with RunFolder(outcome.folder.path) as folder:
        assert folder.reopen() == []
        with start_hosts("lab2") as (fleet, hosts, _):
            resumed = fleet_run.resume(fleet, hosts, folder, Watcher())
    assert resumed.complete
    trials = check_trials(resumed, 3)
    assert set(trials[trials["block"] == 2]["status"]) == {"ok"}
    assert set(trials[trials["block"] == 1]["status"]) == {"failed"}  # no trial runs twice


def test_interrupted_run_keeps_its_blocks_and_leaves_nothing(tmp_path: Path) -> None:
    watcher = Watcher()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with start_hosts("lab2") as (fleet, hosts, _):
        watcher.on_block[1] = interrupt
        outcome = fleet_run.run(fleet, hosts, make_plan(2, 0.8), tmp_path, watcher)
    assert outcome.interrupted
    check_trials(outcome, 1)


def test_command_runs_on_the_agents_of_a_fleet_file(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
    (tmp_path / "fleet.toml").write_text(
        f'listen = "{HOST}:{port}"\nservers_on = "lab1"\ngenerators_on = ["lab2"]\nwait_s = 60\n'
    )
    (tmp_path / "plan.toml").write_text(PLAN.format(blocks=1, seconds=0.1))
    with start_agents(f"tcp://{HOST}:{port}", ["lab1", "lab2"]):
        plan, fleet, output = (str(tmp_path / name) for name in ("plan.toml", "fleet.toml", "out"))
        arguments = ["run", plan, "--fleet", fleet, "--output-dir", output, "--no-charts"]
        completed = run_python("-m", "bench", *arguments)
    assert completed.returncode in (0, 3), completed.stderr
    (folder,) = (tmp_path / "out").iterdir()
    trials = RunFolder(folder).read().trials
    assert set(trials["generator_hosts"]) == {"lab2"}
    assert str(folder.name) in completed.stdout


def test_missing_agent_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(
        f'listen = "{HOST}"\nservers_on = "lab1"\ngenerators_on = ["lab2"]\nwait_s = 0.2\n'
    )
    completed = run_python("-m", "bench", "run", "quick", "--fleet", str(tmp_path / "fleet.toml"))
    assert completed.returncode == 2
    assert "agents lab1, lab2 did not connect to tcp://127.0.0.1:" in completed.stderr
    assert "Traceback" not in completed.stderr

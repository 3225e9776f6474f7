"""Losses in a run over several machines: finished blocks are kept, the rest is named, and nothing is left running."""

import signal
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="runs over several machines need the extra cluster")

from bench.store.run_folder import RunFolder
from tests.support.fleet_command import GENERATOR, SERVERS, FleetCommand, RunningFleet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PLAN = """
name = "losses"
models = ["select"]
transports = ["tcp"]
control = "none"
baseline = "none"
seed = 5
blocks = 2
slice_s = 0.05

[[scenarios]]
name = "capacity"
connections = [5]
seconds = 0.8
"""


@pytest.fixture
def command(tmp_path: Path) -> FleetCommand:
    return FleetCommand(tmp_path, PLAN)


def kill(running: RunningFleet, host: str, text: str) -> str:
    """Kill a process of a host; return its pid as in an error."""
    process = running.find(host, text)
    process.kill()
    return f"(pid {process.pid})"


def statuses(command: FleetCommand) -> list[tuple[int, str]]:
    """Return the blocks and the status of their trials. Each trial has one row."""
    trials = RunFolder(command.run_folder).read().trials
    assert not trials.duplicated(["block", "arm", "scenario", "connections"]).any()
    return sorted(set(zip(trials["block"] + 1, trials["status"], strict=True)))


def check_resumed(command: FleetCommand, expected: list[tuple[int, str]]) -> None:
    """Resume the run, and check that it is complete and that no block was measured twice."""
    before = (command.run_folder / "trials.csv").read_bytes()
    with command.start(resumes=True) as running:
        assert running.finish() in (0, 3), running.errors
        running.check_nothing_runs()
    assert (command.run_folder / "trials.csv").read_bytes().startswith(before)
    assert statuses(command) == expected
    assert RunFolder(command.run_folder).read().complete


@pytest.mark.parametrize(
    ("host", "program", "reason"),
    [
        (SERVERS, "bench.fleet.server_host", "servers on lab1 {pid} was killed by SIGKILL during block 2"),
        (GENERATOR, "bench.fleet.generator_host", "generator on lab2 {pid} "),
        (GENERATOR, "clients worker", "generator on lab2 (pid "),
        (SERVERS, "-m bench agent", "agent lab1 {pid} has died during block 2"),
        (GENERATOR, "-m bench agent", "generator on lab2 (pid "),
        ("controller", "bench.fleet.scheduler_process", "scheduler {pid} was killed by SIGKILL during block 2"),
    ],
)
def test_killed_process_fails_its_block(command: FleetCommand, host: str, program: str, reason: str) -> None:
    with command.start() as running:
        running.await_block(2)
        pid = kill(running, host, program)
        assert running.finish() == 1, running.errors
        assert "Traceback" not in running.errors
        last = running.errors.strip().splitlines()[-1]
        assert reason.format(pid=pid) in last, running.errors
        running.check_nothing_runs()
    assert statuses(command) == [(1, "ok"), (2, "failed")]
    reasons = RunFolder(command.run_folder).read().trials["reason"]
    assert reason.format(pid=pid) in reasons.iloc[-1]
    check_resumed(command, [(1, "ok"), (2, "failed")])


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_keeps_finished_blocks(command: FleetCommand, times: int) -> None:
    temporary = command.folder / "tmp"
    temporary.mkdir()
    command.environment = {name: {"TMPDIR": str(temporary)} for name in (SERVERS, GENERATOR, "controller")}
    with command.start() as running:
        running.await_block(2)
        for _ in range(times):
            running.processes["controller"].send_signal(signal.SIGINT)
        assert running.finish() == 130, running.errors
        assert "Traceback" not in running.errors
        assert "Interrupted after 1 block; all is kept." in running.errors
        running.check_nothing_runs()
    assert statuses(command) == [(1, "ok")]
    assert not list(temporary.iterdir())
    check_resumed(command, [(1, "ok"), (2, "ok")])
    assert not list(temporary.iterdir())


def test_killed_controller_keeps_finished_blocks(command: FleetCommand) -> None:
    with command.start() as running:
        running.await_block(2)
        running.processes["controller"].kill()
        running.check_nothing_runs()
    assert statuses(command) == [(1, "ok")]
    check_resumed(command, [(1, "ok"), (2, "ok")])


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (SERVERS, "agent lab1 (pid {pid}) did not respond for "),
        (GENERATOR, "generator on lab2 (pid "),
    ],
)
def test_stopped_host_fails_its_block(command: FleetCommand, host: str, reason: str) -> None:
    with command.start() as running:
        running.await_block(2)
        running.signal_host(host, signal.SIGSTOP)
        assert running.finish() == 1, running.errors
        assert reason.format(pid=running.processes[host].pid) in running.errors.strip().splitlines()[-1]
        running.signal_host(host, signal.SIGCONT)
        running.check_nothing_runs()
    assert statuses(command) == [(1, "ok"), (2, "failed")]


def test_agents_may_start_after_the_controller(command: FleetCommand) -> None:
    command.late = True
    with command.start() as running:
        running.await_block(1)
        running.processes["controller"].send_signal(signal.SIGINT)
        assert running.finish() == 130, running.errors
        running.check_nothing_runs()

"""Whatever ends during a run over several machines is named, nothing runs twice, and nothing is left behind."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.fleet import agent_tasks
from bench.fleet.errors import FleetError, FleetInputError
from tests.support.commands import start_python
from tests.support.fleet import lines_of, start_agents, start_echo, start_fleet, wait_until_gone
from tests.support.processes import ROOT
from tests.support.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    import subprocess

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
AGENT_TIMEOUT_S = 5.0  # the shortest that the engine keeps to


def test_killed_agent_is_named_and_its_command_not_repeated(tmp_path: Path) -> None:
    log = tmp_path / "runs"
    with start_fleet("a", "b") as (fleet, agents):
        role, other = start_echo(fleet, "a"), start_echo(fleet, "b")
        task = role.submit({"do": "wait", "log": str(log)}, deadline_s=600.0, phase="block 3")
        wait_until(lambda: lines_of(log), "the command runs")
        agents["a"].kill()
        agents["a"].wait()
        with start_agents(fleet.address, ["a"]):  # a replacement of the same name, as a cluster may start it
            idle = other.submit({"do": "wait"}, deadline_s=600.0, phase="block 3")
            for wait_for_result in (task.result, lambda: fleet.gather([idle])):
                with pytest.raises(FleetError) as failure:
                    wait_for_result()
                assert str(failure.value) == f"agent a (pid {agents['a'].pid}) has died during block 3"
            other.abort()
            other = start_echo(fleet, "b")
            assert other.command({"do": "echo", "value": 1}, deadline_s=30.0, phase="block 3") == {"value": 1}
            with pytest.raises(FleetError, match=r"agent a \(pid \d+\) has died during block 4"):
                role.submit({"do": "echo"}, deadline_s=30.0, phase="block 4")
            wait_until(lambda: fleet.connected_agents().get("a") not in (None, fleet.agents["a"].address), "it joins")
        wait_until_gone(role.pid)
    assert lines_of(log) == ["run"]
    assert agents["b"].wait(DEADLINE_S) == 0


def test_agent_that_ends_during_a_command_is_named() -> None:
    with start_fleet("a") as (fleet, agents):
        role = start_echo(fleet, "a")
        task = role.submit({"do": "wait"}, deadline_s=600.0, phase="block 3")
        agents["a"].send_signal(signal.SIGTERM)
        with pytest.raises(FleetError) as failure:
            task.result()
        assert failure.value.host == "a"
        assert failure.value.phase == "block 3"
        assert failure.value.reason in ("has died", "was stopped: its agent ends")
        assert agents["a"].wait(DEADLINE_S) == 0
        wait_until_gone(role.pid)


def test_stopped_agent_is_named_and_its_command_not_repeated(tmp_path: Path) -> None:
    log = tmp_path / "runs"
    with start_fleet("a", agent_timeout_s=AGENT_TIMEOUT_S) as (fleet, agents):
        role = start_echo(fleet, "a")
        task = role.submit({"do": "wait", "log": str(log)}, deadline_s=600.0, phase="block 3")
        wait_until(lambda: lines_of(log), "the command runs")
        agents["a"].send_signal(signal.SIGSTOP)
        with pytest.raises(FleetError) as failure:
            task.result()
        assert str(failure.value).startswith(f"agent a (pid {agents['a'].pid}) did not respond for ")
        assert "during block 3: it is stopped, or was cut off from the network" in str(failure.value)
        agents["a"].send_signal(signal.SIGCONT)
        assert agents["a"].wait(DEADLINE_S) in (0, 1)
        wait_until_gone(role.pid)
    assert lines_of(log) == ["run"]


def test_probe_of_stopped_agent_has_a_deadline() -> None:
    with start_fleet("a") as (fleet, agents):
        agents["a"].send_signal(signal.SIGSTOP)
        with pytest.raises(FleetError, match=r"agent a \(pid \d+\) did not answer within 0.2 s during the probe"):
            fleet.call("a", os.getpid, phase="the probe", timeout_s=0.2)
        agents["a"].send_signal(signal.SIGCONT)


def test_killed_scheduler_is_named_and_ends_agents() -> None:
    with start_fleet("a") as (fleet, agents):
        role = start_echo(fleet, "a")
        task = role.submit({"do": "wait"}, deadline_s=600.0, phase="block 3")
        os.kill(fleet.scheduler_pid, signal.SIGKILL)
        with pytest.raises(FleetError) as failure:
            task.result()
        assert str(failure.value) == f"scheduler (pid {fleet.scheduler_pid}) was killed by SIGKILL during block 3"
        with pytest.raises(FleetError, match=r"scheduler .* was killed by SIGKILL during block 4"):
            fleet.submit("a", agent_tasks.describe_agent, phase="block 4", timeout_s=30.0)
        assert agents["a"].wait(DEADLINE_S) == 1
        assert agents["a"].stderr is not None
        assert b"ends: the connection to the scheduler was lost" in agents["a"].stderr.read()
        wait_until_gone(role.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_end_of_controller_ends_agents_and_roles(number: signal.Signals) -> None:
    with start_controller() as (controller, agent, role_pid):
        scheduler = psutil.Process(controller.pid).children()
        controller.send_signal(number)
        _, errors = controller.communicate(timeout=DEADLINE_S)
        assert controller.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
        assert errors == ""
        assert agent.wait(DEADLINE_S) == 0
        wait_until_gone(role_pid, *(process.pid for process in scheduler))


def test_agent_with_other_code_is_refused(tmp_path: Path) -> None:
    from bench.fleet.controller import Fleet

    for package in ("bench", "clients", "servers"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "servers" / "launch.py").open("a") as file:
        file.write("# changed\n")
    with Fleet() as fleet:
        environment = {"PYTHONPATH": str(tmp_path)}
        with (
            start_agents(fleet.address, ["a"], environment=environment, cwd=tmp_path),
            pytest.raises(
                FleetInputError, match=r"agent a \(pid \d+\) has other code: holabench \w{16} instead of \w+$"
            ),
        ):
            fleet.await_agents(["a"], DEADLINE_S)


@contextmanager
def start_controller() -> Iterator[tuple["subprocess.Popen[str]", "subprocess.Popen[bytes]", int]]:
    """Start a controller process, its agent, and a role process with a command in progress. Yield its pid."""
    with start_python("-m", "tests.support.fleet_controller") as controller:
        assert controller.stdout is not None
        address = controller.stdout.readline().strip()
        with start_agents(address, ["a"]) as agents:
            yield controller, agents["a"], int(controller.stdout.readline())

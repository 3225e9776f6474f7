"""A controller, two agents on this machine, and role processes."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.fleet import agent_tasks
from bench.fleet.errors import FleetError, FleetInputError
from tests.support.fleet import echo_role, lines_of, start_echo, start_fleet, wait_until_gone

if TYPE_CHECKING:
    from bench.fleet.controller import Fleet, Role

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
Events = list[tuple[str, str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def fleet_and_events() -> Iterator[tuple["Fleet", Events]]:
    events: Events = []
    with start_fleet("a", "b", on_event=lambda *event: events.append(event)) as (fleet, _):
        yield fleet, events


@pytest.fixture
def fleet(fleet_and_events: tuple["Fleet", Events]) -> "Fleet":
    return fleet_and_events[0]


@pytest.fixture
def role(fleet: "Fleet") -> Iterator["Role"]:
    started = start_echo(fleet, "a")
    yield started
    started.abort()


def test_functions_run_on_their_hosts(fleet: "Fleet") -> None:
    for host in ("a", "b"):
        agent = fleet.agents[host]
        task = fleet.submit(host, agent_tasks.describe_agent, phase="the check", timeout_s=30.0)
        assert task.result()["pid"] == fleet.call(host, os.getpid) == agent.pid
    assert fleet.agents["a"].pid != fleet.agents["b"].pid


def test_failure_of_function_names_host_pid_and_phase(fleet: "Fleet") -> None:
    pid = fleet.agents["a"].pid
    with pytest.raises(FleetError) as failure:
        fleet.submit("a", int, "x", phase="block 3", timeout_s=30.0).result()
    assert str(failure.value).startswith(f"agent a (pid {pid}) failed during block 3: ValueError: invalid literal")
    with pytest.raises(FleetError, match=r"agent a .* failed: ValueError"):
        fleet.call("a", int, "x")


def test_role_reports_events_before_its_answer(fleet_and_events: tuple["Fleet", Events], role: "Role") -> None:
    _, events = fleet_and_events
    events.clear()
    answer = role.command({"do": "echo", "value": 7, "events": 200}, deadline_s=30.0, phase="block 1")
    assert answer == {"value": 7}
    assert events == [("a", "echo", {"number": number}) for number in range(200)]


def test_role_gets_its_specification_and_reports_ready(fleet: "Fleet") -> None:
    roles = fleet.start_roles([echo_role("a", "servers", block=1), echo_role("b", "generator", block=2)])
    assert [role.ready["specification"] for role in roles] == [{"block": 1}, {"block": 2}]
    assert [role.ready["pid"] for role in roles] == [role.pid for role in roles]
    for role in roles:
        role.abort()
    wait_until_gone(*(role.pid for role in roles))


def test_failed_command_is_reported_and_role_continues(role: "Role") -> None:
    with pytest.raises(FleetError) as failure:
        role.command({"do": "fail"}, deadline_s=30.0, phase="block 2")
    assert str(failure.value) == f"echo on a (pid {role.pid}) found no free port during block 2"
    assert role.command({"do": "echo", "value": 1}, deadline_s=30.0, phase="block 3") == {"value": 1}


@pytest.mark.parametrize(
    ("action", "deadline_s", "expected"),
    [
        ("raise", 30.0, "failed during block 2: KeyError: 'missing'"),
        ("exit", 30.0, "exited with code 3 during block 2; last stderr lines"),
        ("wait", 1.0, "took longer than 1 s during block 2"),
    ],
)
def test_end_of_role_is_reported(role: "Role", action: str, deadline_s: float, expected: str) -> None:
    with pytest.raises(FleetError) as failure:
        role.command({"do": action}, deadline_s=deadline_s, phase="block 2")
    assert str(failure.value).startswith(f"echo on a (pid {role.pid}) {expected}")
    wait_until_gone(role.pid)


def test_abort_ends_command_in_progress_and_its_processes(role: "Role") -> None:
    child = role.command({"do": "child"}, deadline_s=30.0, phase="block 1")["pid"]
    task = role.submit({"do": "wait"}, deadline_s=600.0, phase="block 2")
    role.abort()
    with pytest.raises(FleetError, match=r"echo on a \(pid \d+\) was stopped during block 2"):
        task.result()
    wait_until_gone(role.pid, child)


def test_role_that_fails_to_start_ends_the_others(fleet: "Fleet") -> None:
    with pytest.raises(FleetError, match=r"generator on b \(pid \d+\) found no memory during the start"):
        fleet.start_roles([echo_role("a", "servers"), echo_role("b", "generator", failure="found no memory")])
    with pytest.raises(FleetError, match="servers on a does not run during block 1"):
        fleet.submit("a", agent_tasks.command_role, "servers", {}, 1.0, phase="block 1", timeout_s=30.0).result()


def test_role_of_one_name_runs_once_on_a_host(fleet: "Fleet", role: "Role") -> None:
    with pytest.raises(FleetError, match="echo on a runs already"):
        start_echo(fleet, "a")
    del role


def test_command_runs_once(role: "Role", tmp_path: Path) -> None:
    role.command({"do": "echo", "log": str(tmp_path / "runs")}, deadline_s=30.0, phase="block 1")
    assert lines_of(tmp_path / "runs") == ["run"]


def test_gathered_commands_run_at_the_same_time(fleet_and_events: tuple["Fleet", Events]) -> None:
    fleet, _ = fleet_and_events
    roles = fleet.start_roles([echo_role("a", "servers"), echo_role("b", "generator")])
    tasks = [role.submit({"do": "echo", "value": 1}, deadline_s=30.0, phase="block 1") for role in roles]
    assert fleet.gather(tasks) == [{"value": 1}, {"value": 1}]
    waiting, failing = (
        role.submit({"do": action}, deadline_s=600.0, phase="block 2")
        for role, action in zip(roles, ("wait", "fail"), strict=True)
    )
    with pytest.raises(FleetError, match=r"generator on b \(pid \d+\) found no free port during block 2"):
        fleet.gather([waiting, failing])
    for role in roles:
        role.abort()


def test_missing_agents_are_listed(fleet: "Fleet") -> None:
    with pytest.raises(FleetInputError) as failure:
        fleet.await_agents(["a", "c", "d"], 0.0)
    assert str(failure.value) == f"agents c, d did not connect to {fleet.address} within 0 s; connected: a, b"


def test_scheduler_without_tls_is_refused_beyond_loopback() -> None:
    from bench.fleet.controller import Fleet

    with pytest.raises(FleetInputError, match=r"cannot listen on 0\.0\.0\.0: without TLS"):
        Fleet("0.0.0.0")


def test_scheduler_that_cannot_listen_is_one_line(fleet: "Fleet") -> None:
    from bench.fleet.controller import Fleet

    taken = fleet.address.removeprefix("tcp://")
    with pytest.raises(FleetInputError, match=f"cannot listen on {taken}: Address already in use"):
        Fleet(taken)

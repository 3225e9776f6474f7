"""Role processes without an engine: exchange, deadline, and the end together with the process that started them."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.experiment.child_commands import module_command
from bench.fleet.errors import RoleError
from bench.fleet.role_process import RoleProcess
from tests.support.fleet import ECHO_ROLE, wait_until_gone
from tests.support.processes import ROOT, read_line
from tests.support.waiting import DEADLINE_S

pytestmark = pytest.mark.slow
STARTER = """
import sys, threading
from bench.fleet.role_process import RoleProcess
process = RoleProcess("echo", "tests.support.echo_role")
print(process.pid, process.prepare({}, 30.0)["pid"], flush=True)
sys.stdin.read()
"""


@contextmanager
def start_role(specification: dict[str, Any]) -> Iterator[RoleProcess]:
    role = RoleProcess("echo", ECHO_ROLE)
    try:
        role.prepare(specification, DEADLINE_S)
        yield role
    finally:
        role.abort("")


@contextmanager
def start_program(deadline_s: float, parent: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the program of a role process without the agent's side."""
    with subprocess.Popen(
        module_command(ECHO_ROLE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as program:
        try:
            write(program, {"specification": {}, "parent": parent, "deadline_s": deadline_s})
            yield program
        finally:
            program.kill()


def write(program: "subprocess.Popen[bytes]", line: dict[str, Any]) -> None:
    assert program.stdin is not None
    program.stdin.write(json.dumps(line).encode() + b"\n")


def read(program: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert program.stdout is not None
    line: dict[str, Any] = json.loads(read_line(program.stdout))
    return line


def test_role_outlives_the_thread_that_asked_for_it() -> None:
    started: list[RoleProcess] = []
    thread = threading.Thread(target=lambda: started.append(RoleProcess("echo", ECHO_ROLE)))
    thread.start()
    thread.join()
    role = started[0]
    try:
        role.prepare({}, DEADLINE_S)
        assert role.command({"do": "echo", "value": 1}, DEADLINE_S, print) == {"value": 1}
    finally:
        role.abort("")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_role_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in read_line(starter.stdout).split()]
        starter.send_signal(number)
    assert pids[0] == pids[1]
    wait_until_gone(pids[0])


def test_role_of_another_parent_exits() -> None:
    with start_program(DEADLINE_S, parent=1) as program:
        assert program.wait(DEADLINE_S) == 1
        assert program.stderr is not None
        assert b"exiting: parent process 1 is gone" in program.stderr.read()


def test_command_extends_deadline_and_answer_ends_it() -> None:
    with start_program(DEADLINE_S, os.getpid()) as program:
        assert "ready" in read(program)
        for value in range(3):
            write(program, {"command": {"do": "echo", "value": value}, "deadline_s": DEADLINE_S})
            assert read(program) == {"answer": {"value": value}}
        write(program, {"command": {"do": "wait"}, "deadline_s": 0.1})
        assert read(program) == {"error": "took longer than 0.1 s"}
        assert program.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("is_busy", [True, False])
@pytest.mark.parametrize("by_signal", [True, False])
def test_program_ends_cleanly(is_busy: bool, by_signal: bool) -> None:
    with start_program(DEADLINE_S, os.getpid()) as program:
        assert "ready" in read(program)
        if is_busy:
            write(program, {"command": {"do": "wait", "events": 1}, "deadline_s": DEADLINE_S})
            assert read(program) == {"event": {"number": 0}}
        assert program.stdin is not None
        if by_signal:
            program.terminate()
        else:
            program.stdin.close()
        assert program.wait(DEADLINE_S) == 0
        assert program.stderr is not None
        assert b"Traceback" not in program.stderr.read()


def test_abort_is_reported_by_the_command_in_progress() -> None:
    with start_role({}) as role:
        aborting: list[threading.Thread] = []

        def abort(_event: dict[str, Any]) -> None:
            aborting.append(threading.Thread(target=role.abort, args=("was stopped",)))
            aborting[0].start()

        with pytest.raises(RoleError, match=r"echo \(pid \d+\) was stopped"):
            role.command({"do": "wait", "events": 1}, DEADLINE_S, abort)
        aborting[0].join(DEADLINE_S)
        wait_until_gone(role.pid)


def test_failure_to_start_is_reported() -> None:
    with (
        pytest.raises(RoleError, match=r"echo \(pid \d+\) found no memory"),
        start_role({"failure": "found no memory"}),
    ):
        pass


def test_missing_program_is_reported() -> None:
    role = RoleProcess("echo", "bench.no_such_module")
    with pytest.raises(RoleError, match=r"echo \(pid \d+\) exited with code 1; last stderr lines: .*no_such_module"):
        role.prepare({}, DEADLINE_S)
    role.abort("")

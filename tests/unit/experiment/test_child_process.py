import os
import sys
from contextlib import AbstractContextManager

import psutil
import pytest

from bench.experiment.child_process import Child, ChildError, UnmanagedServer
from tests.support.processes import have_exited
from tests.support.waiting import wait_until

CPUS = sorted(os.sched_getaffinity(0))
ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


def start_child(code: str, *, pipe_stdin: bool = False) -> AbstractContextManager[Child]:
    return Child("the child", [sys.executable, "-c", code], CPUS, pipe_stdin=pipe_stdin)


def test_child_answers_json_line_by_line() -> None:
    with start_child(ECHO, pipe_stdin=True) as child:
        assert child.ask({"do": "this"}, 20.0) == {"do": "this"}
        assert child.ask({"do": "that"}, 20.0) == {"do": "that"}
        assert child.alive


def test_child_error_has_exit_code_and_stderr_tail() -> None:
    code = "import sys; print('first', *map(str, range(5)), sep='\\n', file=sys.stderr); sys.exit(3)"
    with (
        start_child(code) as child,
        pytest.raises(ChildError, match=r"^the child exited with code 3; last stderr lines: 2 \| 3 \| 4$"),
    ):
        child.read_line(20.0)


def test_child_error_has_signal_and_empty_stderr() -> None:
    with (
        start_child("import os; os.kill(os.getpid(), 9)") as child,
        pytest.raises(ChildError, match=r"^the child was killed by SIGKILL; its stderr is empty$"),
    ):
        child.read_text(20.0)


def test_child_error_reports_silence() -> None:
    with (
        start_child("import time; time.sleep(60)") as child,
        pytest.raises(ChildError, match=r"^no output from the child for 0\.05 s; its stderr is empty$"),
    ):
        child.read_text(0.05)


def test_child_error_shows_line_that_is_not_json() -> None:
    with start_child("print('hello')") as child, pytest.raises(ChildError, match=r"not JSON: b'hello'"):
        child.read_line(20.0)


def test_child_stop_ends_its_workers() -> None:
    code = "import os, time; pid = os.fork(); print(pid, flush=True) if pid else None; time.sleep(60)"
    with start_child(code) as child:
        worker = psutil.Process(int(child.read_text(20.0)))
        child.stop()
        assert not child.alive
    wait_until(lambda: have_exited([worker]), "the worker ends with its parent")


def test_unmanaged_server_has_no_stderr() -> None:
    assert UnmanagedServer().alive
    assert UnmanagedServer().stderr_report == "its stderr is not available: holabench did not start it"

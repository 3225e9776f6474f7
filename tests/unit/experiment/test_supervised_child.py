"""External servers as processes: nothing that they start is missed, and nothing is left of it."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.experiment import supervised_child
from bench.experiment.child_process import ChildError
from bench.experiment.supervised_child import SupervisedChild
from bench.machine.cgroup import create_cgroup
from bench.machine.process_usage import CGROUP, CLOCKS, TICKS, UNKNOWN
from tests.support.process_trees import BURN_NS, ENDING, FORGETS, PRELUDE, STAYING, make_program
from tests.support.processes import have_exited
from tests.support.waiting import DEADLINE_S, wait_until

CPUS = sorted(os.sched_getaffinity(0))
TICKS_NS = 20_000_000  # two ticks: the resolution where processes end


@pytest.fixture(params=["cgroup", "no cgroup"])
def has_cgroup(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether servers get a cgroup. Both ways are tested where the kernel lets this user create one."""
    if request.param == "no cgroup":
        monkeypatch.setattr(supervised_child, "create_cgroup", lambda: None)
        return False
    cgroup = create_cgroup()
    if cgroup is None:
        pytest.skip("this user cannot create a cgroup")
    cgroup.remove()
    return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator["Starter"]:
    """Return a function that starts a program, and check that nothing is left of it in the end."""
    starter = Starter(tmp_path)
    yield starter
    starter.stop()
    wait_until(lambda: have_exited(starter.seen), "all processes have exited")


def _command(pid: int) -> list[str]:
    """Return the command line of a process."""
    return [*Path(f"/proc/{pid}/cmdline").read_text().split("\0"), ""]


class Starter:
    """Starts one program, and lets it begin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.start_file = folder / "start"
        self._children: list[SupervisedChild] = []
        self.seen: list[psutil.Process] = []

    def __call__(self, body: str, *, ready_line: bool = True) -> SupervisedChild:
        (self._folder / "prelude").write_text(PRELUDE)
        (self._folder / "program").write_text(make_program(body))
        program = str(self._folder / "program")
        command = [sys.executable, program, str(self.start_file), str(self._folder / "prelude")]
        child = SupervisedChild("server", command, CPUS, ready_line=ready_line)
        self._children.append(child)
        # It joins its cgroup before. Until then it has the command line of the supervisor.
        wait_until(lambda: program in [_command(pid)[1] for pid in child.tree.pids()], "the program runs")
        return child

    def begin(self, child: SupervisedChild) -> None:
        """Let a program do its work, and wait for its line."""
        self.start_file.touch()
        child.await_line(DEADLINE_S)
        self.seen += psutil.Process(child.pid).children(recursive=True)

    def stop(self) -> None:
        for child in self._children:
            child.stop()


@pytest.mark.parametrize("program", STAYING)
def test_cpu_time_of_every_process_is_counted(program: str, has_cgroup: bool, start: Starter) -> None:
    child = start(STAYING[program])
    start.begin(child)
    usage = child.tree.settled_usage()
    assert usage.cpu_ns >= BURN_NS
    assert usage.cpu_source in ((CGROUP,) if has_cgroup else (CLOCKS, TICKS))
    assert usage.processes == (1 if program == "a daemon whose starter has ended" else 2)
    assert child.tree.memory_mb()


@pytest.mark.parametrize("program", ENDING)
def test_cpu_time_of_ended_process_is_counted(program: str, has_cgroup: bool, start: Starter) -> None:
    child = start(ENDING[program])
    child.tree.usage()
    start.begin(child)
    wait_until(lambda: child.tree.usage().processes == 1, "the burning process has ended")
    assert child.tree.usage().cpu_ns >= BURN_NS - TICKS_NS
    assert child.tree.usage().cpu_source == (CGROUP if has_cgroup else CLOCKS)


def test_cpu_time_that_kernel_forgets_is_known_to_cgroup_only(has_cgroup: bool, start: Starter) -> None:
    child = start(FORGETS)
    child.tree.usage()
    start.begin(child)
    usage = child.tree.settled_usage()
    if has_cgroup:
        assert (usage.cpu_ns >= BURN_NS, usage.cpu_source) == (True, CGROUP)
    else:
        assert (math.isnan(usage.cpu_ns), usage.cpu_source) == (True, UNKNOWN)
    assert usage.processes == 1
    assert child.tree.memory_mb()


@pytest.mark.parametrize("program", STAYING)
def test_pin_reaches_every_process(program: str, start: Starter) -> None:
    child = start(STAYING[program])
    start.begin(child)
    child.tree.pin(CPUS[-1:])
    assert {tuple(process.cpu_affinity()) for process in start.seen} == {(CPUS[-1],)}
    assert os.sched_getaffinity(child.pid) == set(CPUS), "the supervisor stays where it is"


IGNORES_SIGTERM = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
burn_and_stay()
"""


@pytest.mark.usefixtures("has_cgroup")
def test_stop_kills_processes_that_ignore_sigterm(start: Starter) -> None:
    child = start(IGNORES_SIGTERM)
    start.begin(child)
    wait_until(lambda: child.tree.usage().processes == 2, "both processes run")
    seen = psutil.Process(child.pid).children(recursive=True)
    child.stop()
    assert have_exited(seen)


def test_cgroup_is_removed(start: Starter) -> None:
    child = start("burn_and_stay()")
    start.begin(child)
    if child.cgroup is None:
        pytest.skip("this user cannot create a cgroup")
    assert child.cgroup.pids() == child.tree.pids()
    child.stop()
    assert not child.cgroup.path.exists()


LEAVES_A_WORKER = """
if os.fork() == 0:
    burn_and_stay()
while True:
    await_start()
    END
"""


@pytest.mark.parametrize(
    ("end", "exit_text"),
    [("sys.exit(3)", "exited with code 3"), ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV")],
)
@pytest.mark.usefixtures("has_cgroup")
def test_failed_server_takes_its_workers_along(end: str, exit_text: str, start: Starter) -> None:
    child = start(LEAVES_A_WORKER.replace("END", end))
    wait_until(lambda: len(child.tree.pids()) == 2, "both processes run")
    workers = psutil.Process(child.pid).children(recursive=True)
    start.start_file.touch()
    wait_until(lambda: not child.alive, "the server has ended")
    assert child.exit_text == exit_text
    assert have_exited(workers)


def test_daemon_is_alive_until_its_last_process_ends(start: Starter) -> None:
    child = start(STAYING["a daemon whose starter has ended"])
    start.begin(child)
    wait_until(lambda: len(start.seen) == 1, "the starter has ended")
    assert child.alive
    start.seen[0].send_signal(signal.SIGABRT)
    wait_until(lambda: not child.alive, "the daemon has ended")
    assert child.exit_text == "was killed by SIGABRT"


def test_missing_program_is_in_the_message() -> None:
    with SupervisedChild("server", ["/no/such/program"], CPUS, ready_line=True) as child:
        with pytest.raises(ChildError, match=r"^server exited with code 127; last stderr lines: cannot be started: "):
            child.await_line(DEADLINE_S)
        assert child.start_problem == "cannot be started: /no/such/program: No such file or directory"


def test_command_that_exits_like_a_missing_program_was_started() -> None:
    with SupervisedChild("server", ["sh", "-c", "echo no luck; exit 127"], CPUS, ready_line=False) as child:
        wait_until(lambda: not child.alive, "the command has ended")
        assert (child.exit_text, child.start_problem) == ("exited with code 127", "")


def test_output_is_bounded_and_its_end_is_kept(start: Starter) -> None:
    child = start("for k in range(300): print(k, 'x' * 9999)\nburn_and_stay()", ready_line=False)
    start.start_file.touch()
    wait_until(lambda: child.output_bytes >= 3_000_000, "the program has written its lines")
    start.seen += psutil.Process(child.pid).children()
    wait_until(lambda: child.stderr_tail().endswith("done"), "the last line")
    assert child.alive
    assert os.fstat(child.output.fileno()).st_size < 1000
    assert child.output_bytes >= 3_000_000
    assert child.stderr_tail().endswith("done")


DIES = """
import os, signal, sys
from bench.experiment.supervised_child import SupervisedChild
child = SupervisedChild("server", sys.argv[1:], sorted(os.sched_getaffinity(0)), ready_line=True)
child.await_line(30)
print(*child.tree.pids(), child.pid, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("program", ["a child of a thread", "a daemon"])
def test_nothing_is_left_after_sigkill_of_holabench(program: str, tmp_path: Path) -> None:
    (tmp_path / "program").write_text(make_program(STAYING[program]))
    (tmp_path / "start").touch()
    command = [sys.executable, str(tmp_path / "program"), str(tmp_path / "start")]
    with subprocess.Popen([sys.executable, "-c", DIES, *command], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        processes = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(processes) >= 3
        parent.kill()
    wait_until(lambda: have_exited(processes), "all processes have exited")

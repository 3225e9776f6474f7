"""Full disks in a run over several machines: on the controller, and on the hosts."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="runs over several machines need the extra cluster")

from tests.support.fleet_command import GENERATOR, SERVERS, FleetCommand
from tests.system.test_fleet_losses import PLAN, check_resumed, statuses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FULL = "No space left on device"


class SmallDisk:
    """A file system of its own, with little room, that one command alone sees at a folder."""

    def __init__(self, folder: Path, size_kb: int) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._script = f'mount -t tmpfs -o size={size_kb}k tmpfs "{folder}" && exec "$@"'
        self._is_root = os.geteuid() == 0
        if subprocess.run(self.wrap(["true"]), capture_output=True, check=False).returncode:
            pytest.skip("this machine does not let this user mount a file system")

    def wrap(self, command: Sequence[str]) -> list[str]:
        """Return a command that sees the disk."""
        unshare = ["unshare", "--mount"] if self._is_root else ["unshare", "--map-root-user", "--mount"]
        return [*unshare, "sh", "-c", self._script, "sh", *command]

    def fill(self, pid: int) -> None:
        """Fill the disk that a process sees."""
        with Path(f"/proc/{pid}/root{self._folder}/full").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))


def test_full_disk_of_the_copy_names_the_host_and_the_run_resumes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    disk = SmallDisk(home / ".cache" / "holabench" / "runs", 1024)
    command = FleetCommand(tmp_path, PLAN, environment={SERVERS: {"HOME": str(home), "XDG_CACHE_HOME": ""}})
    command.wrap = lambda name, program: disk.wrap(program) if name == SERVERS else list(program)
    with command.start() as running:
        running.await_block(2)
        disk.fill(running.processes[SERVERS].pid)
        assert running.finish() == 1, running.errors
        last = running.errors.strip().splitlines()[-1]
        running.check_nothing_runs()
    assert last.startswith("holabench: lab1: cannot write "), running.errors
    assert FULL in last
    finished = statuses(command)
    command.wrap = lambda _name, program: list(program)
    check_resumed(command, sorted({*finished, (1, "ok"), (2, "ok")}))


def test_full_disk_before_the_first_block_is_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    disk = SmallDisk(home / ".cache" / "holabench" / "runs", 4)
    command = FleetCommand(tmp_path, PLAN, environment={SERVERS: {"HOME": str(home), "XDG_CACHE_HOME": ""}})
    command.wrap = lambda name, program: disk.wrap(program) if name == SERVERS else list(program)
    with command.start() as running:
        assert running.finish() == 1, running.errors
        last = running.errors.strip().splitlines()[-1]
        running.check_nothing_runs()
    assert last.startswith("holabench: servers on lab1 (pid ")
    assert FULL in last
    assert last.endswith("; make room there")


def test_full_disk_of_the_controller_keeps_finished_blocks(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "out", 1024)
    kept = tmp_path / "kept"
    kept.mkdir()
    script = f'"$@"; code=$?; cp -r "{tmp_path}"/out/2* "{kept}"; exit $code'
    command = FleetCommand(tmp_path, PLAN)
    command.wrap = lambda name, program: (
        disk.wrap(["sh", "-c", script, "sh", *program]) if name == "controller" else list(program)
    )
    with command.start() as running:
        running.await_block(2)
        disk.fill(running.processes["controller"].pid)
        assert running.finish() == 1, running.errors
        last = running.errors.strip().splitlines()[-1]
        running.check_nothing_runs()
    assert last.startswith(f"holabench: cannot write {tmp_path}/out/"), running.errors
    assert FULL in last
    subprocess.run(["cp", "-r", f"{kept}/.", str(tmp_path / "out")], check=True)
    command.wrap = lambda _name, program: list(program)
    check_resumed(command, [(1, "ok"), (2, "ok")])


def test_generator_needs_no_disk(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    disk = SmallDisk(temporary, 4)
    fill = f'head -c 100000 /dev/zero > "{temporary}/full"; exec "$@"'
    command = FleetCommand(tmp_path, PLAN, environment={GENERATOR: {"TMPDIR": str(temporary)}})
    command.wrap = lambda name, program: (
        disk.wrap(["sh", "-c", fill, "sh", *program]) if name == GENERATOR else list(program)
    )
    with command.start() as running:
        assert running.finish() in (0, 3), running.errors
        running.check_nothing_runs()
    assert statuses(command) == [(1, "ok"), (2, "ok")]

"""File systems without locks or without a sync of folders, and containers whose kernel refuses system calls."""

import errno
import json
from pathlib import Path

import pytest

from bench.store.errors import StoreError
from bench.store.run_folder import RunFolder
from tests.support.processes import run_program
from tests.support.seccomp import IS_SUPPORTED, make_refusing_command
from tests.support.servers import start_server

needs_seccomp = pytest.mark.skipif(not IS_SUPPORTED, reason="the numbers of system calls are known on x86-64 and ARM64")
LOCK = """
import sys
from pathlib import Path
from bench.store.run_folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.lock()
print(folder.lock_warning)
"""
WRITE = """
import sys
from pathlib import Path
from bench.store.durable_write import append_synced, write_synced
{call}(Path(sys.argv[1]), b"data")
"""


@needs_seccomp
@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
def test_open_loop_without_epoll_pwait2_is_measured(error: int) -> None:
    with start_server("select") as server:
        url = f"tcp://127.0.0.1:{server['port']}"
        options = ["--rate", "500", "--seconds", "0.4", "--warmup", "0", "--json", "-"]
        command = make_refusing_command({"epoll_pwait2": error}, "-m", "clients", "load", url, *options)
        completed = run_program(command, timeout_s=60.0)
    assert completed.returncode == 0, completed.stderr
    document = json.loads(completed.stdout)
    assert document["replies"] > 100
    assert document["unsent"] == 0


@needs_seccomp
@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_file_system_without_locks_causes_a_warning(error: int, tmp_path: Path) -> None:
    completed = run_program(make_refusing_command({"flock": error}, "-c", LOCK, str(tmp_path)))
    assert completed.returncode == 0, completed.stderr
    assert f"{tmp_path} cannot be locked" in completed.stdout


def test_folder_locked_by_another_run_is_refused(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    first.lock()
    assert not first.lock_warning
    with pytest.raises(StoreError, match="another run is writing"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


@needs_seccomp
@pytest.mark.parametrize("error", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
@pytest.mark.parametrize("call", ["write_synced", "append_synced"])
def test_file_system_without_sync_is_written(call: str, error: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old ")
    completed = run_program(make_refusing_command({"fsync": error}, "-c", WRITE.format(call=call), str(file)))
    assert completed.returncode == 0, completed.stderr
    assert file.read_bytes() == {"write_synced": b"data", "append_synced": b"old data"}[call]


@needs_seccomp
def test_failed_sync_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    command = make_refusing_command({"fsync": errno.EIO}, "-c", WRITE.format(call="append_synced"), str(file))
    completed = run_program(command)
    assert "Input/output error" in completed.stderr
    assert file.read_bytes() == b"old"

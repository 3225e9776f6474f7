"""Keys as files: who may read them, e.g. where Kubernetes mounts a secret."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.fleet.errors import FleetInputError
from bench.fleet.tls_files import KEY_FILE, TlsFiles

certificates = pytest.importorskip("bench.fleet.certificates", exc_type=ImportError)

USER, GROUP, ROOT = 4711, 4712, 0
pytestmark = pytest.mark.skipif(os.geteuid() != ROOT, reason="only root can give files to other users")


@pytest.fixture
def secret() -> Iterator[Path]:
    """Make a volume as the kubelet does: the files are links into a directory, which is replaced as a whole."""
    with tempfile.TemporaryDirectory() as name:
        volume = Path(name)
        volume.chmod(0o755)
        certificates.make_keys(volume / "keys", [])
        (volume / "keys").chmod(0o755)
        data = volume / "keys" / "controller"
        data.chmod(0o755)
        for path in data.iterdir():
            (volume / path.name).symlink_to(path)
            give(path, ROOT, GROUP, 0o440)
        yield volume


def give(path: Path, user: int, group: int, mode: int) -> None:
    os.chown(path, user, group)
    path.chmod(mode)


@contextmanager
def another_user() -> Iterator[None]:
    os.setegid(GROUP)
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(ROOT)
        os.setegid(ROOT)


def test_key_that_root_gives_to_a_group_is_accepted(secret: Path) -> None:
    with another_user():
        files = TlsFiles.in_directory(secret)
    assert files.key == secret / KEY_FILE


@pytest.mark.parametrize(
    ("owner", "mode", "reason"),
    [
        (ROOT, 0o444, "others may read this key; mount it with mode 0440, or own it with mode 0600"),
        (ROOT, 0o460, "others may read this key; mount it with mode 0440, or own it with mode 0600"),
        (ROOT, 0o400, "Permission denied for the user with id 4711"),
        (USER, 0o440, "others may read this key; run: chmod 600 "),
        (4713, 0o440, "others may read this key; mount it with mode 0440, or own it with mode 0600"),
    ],
)
def test_key_that_others_may_read_is_refused(secret: Path, owner: int, mode: int, reason: str) -> None:
    give((secret / KEY_FILE).resolve(), owner, GROUP, mode)
    with another_user(), pytest.raises(FleetInputError) as failure:
        TlsFiles.in_directory(secret)
    assert str(failure.value).startswith(f"{secret / KEY_FILE}: {reason}")


def test_key_of_root_is_private_where_root_itself_reads_it(secret: Path) -> None:
    with pytest.raises(FleetInputError, match="run: chmod 600"):
        TlsFiles.in_directory(secret)

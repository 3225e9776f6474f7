"""``holabench agent`` and ``holabench fleet-keys``: what they refuse, how they connect, and when they end."""

import datetime as dt
import os
import platform
import shutil
import signal
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.fleet.tls_files import TlsFiles
from tests.support.commands import run_python
from tests.support.fleet import agent_arguments, run_agent, start_agents, start_echo, start_fleet, wait_until_gone
from tests.support.processes import read_line
from tests.support.waiting import DEADLINE_S

pytest.importorskip("distributed")
certificates = pytest.importorskip("bench.fleet.certificates", exc_type=ImportError)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
PORT = "tls://127.0.0.1:1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet") / "keys"
    certificates.make_keys(folder, ["a", "b"])
    return folder


def make_expired(folder: Path) -> Path:
    """Write keys whose certificates were valid until yesterday; return the directory of the member ``a``."""
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    certificates.make_keys(folder, ["a"], valid_days=2, start=start)
    return folder / "a"


def test_scheduler_that_is_not_there_is_one_line() -> None:
    expected = "tcp://127.0.0.1:1: no scheduler within 0 s: Connection refused"
    assert run_agent("tcp://127.0.0.1:1", "a", "--wait", "0") == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run an agent as root")
def test_root_is_refused_unless_allowed() -> None:
    result = run_python("-m", "bench", "agent", "--scheduler", "tcp://127.0.0.1:1", "--name", "a")
    assert result.returncode == 2
    assert result.stderr == (
        "holabench: an agent runs the code that any member of its fleet sends, so it does not run as root; "
        "use another user, or add --allow-root\n"
    )


def test_key_that_others_may_read_is_refused(keys: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(keys / "a", tmp_path / "a")
    (folder / "key.pem").chmod(0o640)
    expected = f"{folder}/key.pem: others may read this key; run: chmod 600 {folder}/key.pem"
    assert run_agent(PORT, "a", "--tls-dir", str(folder)) == expected


def test_key_of_another_member_is_refused(keys: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(keys / "a", tmp_path / "a")
    shutil.copy(keys / "b" / "key.pem", folder / "key.pem")
    expected = f"{folder}/key.pem: is not the key of certificate.pem beside it"
    assert run_agent(PORT, "a", "--tls-dir", str(folder)) == expected


def test_expired_certificate_is_refused(tmp_path: Path) -> None:
    folder = make_expired(tmp_path / "keys")
    assert run_agent(PORT, "a", "--tls-dir", str(folder)).startswith(f"{folder}/certificate.pem: expired on 20")


def test_agent_of_another_fleet_is_refused(keys: Path, tmp_path: Path) -> None:
    from bench.fleet.controller import Fleet

    certificates.make_keys(tmp_path / "other", ["a"])
    with Fleet(tls=TlsFiles.in_directory(keys / "controller")) as fleet:
        line = run_agent(fleet.address, "a", "--tls-dir", str(tmp_path / "other" / "a"))
    assert line == f"{fleet.address}: its certificate is of another authority; copy the keys that were made together"


def test_scheduler_without_tls_is_one_line(keys: Path) -> None:
    from bench.fleet.controller import Fleet

    with Fleet() as fleet:
        url = fleet.address.replace("tcp", "tls")
        line = run_agent(url, "a", "--tls-dir", str(keys / "a"))
    assert line == f"{url}: it does not use TLS; use tcp:// on one machine only"


def test_fleet_over_tls_runs_roles(keys: Path) -> None:
    tls = TlsFiles.in_directory(keys / "controller")
    with start_fleet("a", tls=tls, agent_options=["--tls-dir", str(keys / "a")]) as (fleet, agents):
        assert fleet.address.startswith("tls://127.0.0.1:")
        role = start_echo(fleet, "a")
        assert role.command({"do": "echo", "value": 1}, deadline_s=30.0, phase="block 1") == {"value": 1}
    assert agents["a"].wait(DEADLINE_S) == 0
    wait_until_gone(role.pid)


def test_second_agent_of_a_name_is_refused() -> None:
    with start_fleet("a") as (fleet, _):
        reason = "an agent of this name is connected already"
        assert run_agent(fleet.address, "a") == f"{fleet.address} does not accept this agent: {reason}"


def test_agent_without_a_name_has_that_of_its_host() -> None:
    from bench.fleet.controller import Fleet

    name = platform.node().partition(".")[0]
    with Fleet() as fleet, start_agents(fleet.address, [""]) as agents:
        fleet.await_agents([name], DEADLINE_S)
        fleet.close()
        assert agents[""].wait(DEADLINE_S) == 0


def test_agent_waits_for_its_scheduler() -> None:
    from bench.fleet.controller import Fleet

    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with start_agents(f"tcp://{address}", ["a"]) as agents:
        with Fleet(address) as fleet:
            fleet.await_agents(["a"], DEADLINE_S)
        assert agents["a"].wait(DEADLINE_S) == 0


@pytest.mark.parametrize("is_connected", [True, False])
def test_sigterm_ends_agent(is_connected: bool) -> None:
    with start_lonely_agent(is_connected=is_connected) as agent:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("is_connected", [True, False])
def test_end_of_stdin_ends_agent_that_asks_for_it(is_connected: bool) -> None:
    with start_lonely_agent("--stdin-lifetime", is_connected=is_connected) as agent:
        assert agent.poll() is None
        assert agent.stdin is not None
        agent.stdin.close()
        agent.stdin = None
        assert agent.wait(DEADLINE_S) == 0


def test_fleet_keys_are_private_and_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    result = run_python("-m", "bench", "fleet-keys", str(folder), "lab1", "lab2")
    assert result.returncode == 0
    assert result.stdout.splitlines() == [f"{folder}/{name}" for name in ("controller", "lab1", "lab2")]
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    again = run_python("-m", "bench", "fleet-keys", str(folder), "lab3")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith(f"holabench: {folder}/controller: exists already")


def test_name_of_host_is_checked(tmp_path: Path) -> None:
    result = run_python("-m", "bench", "fleet-keys", str(tmp_path / "keys"), "../lab1")
    assert result.returncode == 2
    assert result.stderr.startswith("holabench: '../lab1' is not a valid name of a host")
    assert not (tmp_path / "keys").exists()
    assert run_agent("tcp://127.0.0.1:1", "a b").startswith("'a b' is not a valid name of a host")


@contextmanager
def start_lonely_agent(*options: str, is_connected: bool) -> "Iterator[subprocess.Popen[bytes]]":
    """Start an agent whose scheduler gives it nothing to do, or that waits for its scheduler."""
    if is_connected:
        with start_fleet("a", agent_options=options) as (_, agents):
            yield agents["a"]
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with start_agents(address, ["a"], *options) as agents:
        assert agents["a"].stderr is not None
        while b"waits for tcp://" not in (line := read_line(agents["a"].stderr)):
            assert line
        yield agents["a"]


def test_arguments_of_agents_name_no_key(keys: Path) -> None:
    arguments = agent_arguments(PORT, "a", "--tls-dir", str(keys / "a"))
    assert (keys / "a" / "key.pem").read_text() not in " ".join(arguments)

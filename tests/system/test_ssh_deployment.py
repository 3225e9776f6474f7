"""Deployment over SSH to hosts that are servers on this machine, with one small library instead of the real ones."""

import dataclasses
import getpass
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import asyncssh
import psutil
import pytest

from bench.fleet import deployment, ssh_fleet
from bench.fleet.host_error import HostError
from bench.fleet.own_wheel import OwnWheel
from bench.fleet.ssh_fleet import AgentStart, SshFleet
from bench.fleet.wheelhouse import Wheelhouse
from tests.support.processes import ROOT
from tests.support.ssh_hosts import SshHosts, ssh_hosts
from tests.support.waiting import wait_until
from tests.support.wheels import make_index, tiny_collector, tiny_own_wheel, use_index

pytestmark = pytest.mark.slow
CONTROLLER = """
import signal, sys
from pathlib import Path
from bench.fleet import ssh_fleet
from bench.fleet.own_wheel import build_own_wheel
from tests.support.wheels import tiny_collector
ssh_fleet.build_own_wheel = lambda: build_own_wheel(Path(sys.argv[2]))
start = ssh_fleet.AgentStart(("http.server", "--bind", "127.0.0.1", "0"), {"key.pem": b"secret"})
with ssh_fleet.SshFleet(["lab1"], [], lambda facts: dict.fromkeys(facts, start), on_message=print, on_warning=print,
                        allow_root=True, collector=tiny_collector(Path(sys.argv[1]))) as fleet:
    print("agent", fleet.agents["lab1"].pid, flush=True)
    signal.pause()
"""


class Fleets:
    def __init__(self, collector: Callable[..., Wheelhouse], wheel: OwnWheel) -> None:
        self.collector, self.wheel = collector, wheel
        self.messages: list[str] = []
        self.warnings: list[str] = []

    def make(self, *hosts: str, agent: AgentStart | None = None, timeout_s: float = 15.0) -> SshFleet:
        start = agent or AgentStart(("http.server", "--bind", "127.0.0.1", "0"), {"key.pem": b"secret"})
        return SshFleet(
            hosts[:1],
            hosts[1:],
            lambda facts: dict.fromkeys(facts, start),
            on_message=self.messages.append,
            on_warning=self.warnings.append,
            allow_root=True,
            connect_timeout_s=timeout_s,
            collector=self.collector,
        )

    def messages_with(self, text: str) -> list[str]:
        return [message for message in self.messages if text in message]


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshHosts]:
    with ssh_hosts(tmp_path / "hosts") as servers:
        monkeypatch.setenv("HOME", str(servers.home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        yield servers


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_index(tmp_path_factory.mktemp("index"))


@pytest.fixture
def fleets(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    use_index(index, monkeypatch)
    made = Fleets(tiny_collector(index), tiny_own_wheel(tmp_path / "source"))
    monkeypatch.setattr(ssh_fleet, "build_own_wheel", lambda: made.wheel)
    return made


def refusal(fleet: SshFleet) -> str:

    with pytest.raises(HostError) as error, fleet:
        pytest.fail("the fleet was brought up")
    return str(error.value)


def test_first_run_installs_and_second_sends_nothing(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    with fleets.make("lab1") as fleet:
        first = fleet.agents["lab1"]
        assert psutil.pid_exists(first.pid)
        assert first.address == "127.0.0.1"
        assert first.sent_bytes > 1e6
    assert fleets.messages_with("lab1: sent")
    fleets.messages.clear()
    with fleets.make("lab1") as fleet:
        assert fleet.agents["lab1"].sent_bytes == 0
        assert fleet.agents["lab1"].digest == first.digest
    assert not fleets.messages_with("lab1: sent")
    assert fleets.messages_with("nothing sent")
    assert len(host.installations()) == 2
    assert host.leftovers() == []


def test_agent_imports_the_code_that_was_sent(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    with fleets.make("lab1") as fleet:
        environment = psutil.Process(fleet.agents["lab1"].pid).environ()
    own, libraries = map(Path, environment["PYTHONPATH"].split(":"))
    sent = own / "bench" / "fleet" / "on_host.py"
    assert sent.read_bytes() == (ROOT / "bench" / "fleet" / "on_host.py").read_bytes()
    assert (libraries / "tiny_library.py").is_file()
    assert Path(environment["NUMBA_CACHE_DIR"]).is_relative_to(host.fleet_folder)
    assert host.fleet_folder.stat().st_mode & 0o777 == 0o700


def test_keys_are_private_and_removed_at_the_end(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    with fleets.make("lab1"):
        (key,) = host.fleet_folder.glob("run-*/key.pem")
        assert key.read_bytes() == b"secret"
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.parent.stat().st_mode & 0o777 == 0o700
    assert not key.parent.exists()


def test_changed_code_sends_only_its_own_wheel(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    with fleets.make("lab1") as fleet:
        first = fleet.agents["lab1"]
    content = fleets.wheel.content[:-2] + b"\1\0#"  # with a comment of the ZIP file
    fleets.wheel = OwnWheel(fleets.wheel.name, content, ())
    with fleets.make("lab1") as fleet:
        second = fleet.agents["lab1"]
    assert second.digest != first.digest
    assert second.sent_bytes == len(content)
    assert len(host.installations()) == 3


def test_old_installations_are_removed(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    now_s = time.time()
    with fleets.make("lab1"):
        for number in range(8):
            old = host.fleet_folder / f"{number:064x}"
            old.mkdir()
            (old / "complete").write_text(old.name)
            os.utime(old / "complete", (now_s - number, now_s - number))
        abandoned = host.fleet_folder / ".partial-abandoned"
        abandoned.mkdir()
        os.utime(abandoned, (0, 0))
        with fleets.make("lab1"):
            remaining = host.installations()
    assert len(remaining) == 6
    assert len([name for name in remaining if not name.startswith("000")]) == 2
    assert not abandoned.exists()


def test_interrupted_installation_is_not_used(hosts: SshHosts, fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    host = hosts.add("lab1")
    original = deployment._run_on_host  # noqa: SLF001 - interrupted between sending and installing

    async def cut(target: object, python: str, command: str, *rest: object) -> dict[str, object]:
        if command == "install":
            hosts.disconnect()
        return await original(target, python, command, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(deployment, "_run_on_host", cut)
        assert "lab1: " in refusal(fleets.make("lab1"))
    complete = [name for name in host.installations() if (host.fleet_folder / name / "complete").exists()]
    assert complete == host.installations()
    with fleets.make("lab1") as fleet:
        assert psutil.pid_exists(fleet.agents["lab1"].pid)


def test_full_disk_is_noticed_while_sending(hosts: SshHosts, fleets: Fleets) -> None:
    class FullDisk(asyncssh.SFTPServer):
        def write(self, *_: object) -> int:
            raise asyncssh.SFTPFailure("No space left on device")

    host = hosts.add("lab1", sftp=FullDisk)
    message = refusal(fleets.make("lab1"))
    assert message.startswith("lab1: cannot write files: ")
    assert "\n" not in message
    assert host.installations() == host.leftovers() == []


def test_full_disk_is_noticed_while_installing(hosts: SshHosts, fleets: Fleets) -> None:
    # A limit of the size of a file stops pip as a full disk does, with an error of write(2).
    host = hosts.add("lab1", prefix="ulimit -f 100;")
    message = refusal(fleets.make("lab1"))
    assert message.startswith("lab1: ")
    assert "\n" not in message
    assert host.installations() == host.leftovers() == []


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk, which only root can")
def test_small_disk_is_refused_before_sending(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(host.home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a file system")
    try:
        message = refusal(fleets.make("lab1"))
        assert "MB are free; make room there" in message
        assert not fleets.messages_with("sent")
    finally:
        subprocess.run(["umount", "--lazy", str(host.home)], check=True)


def test_two_deployments_at_once_both_succeed(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    ready = threading.Barrier(2)
    results: list[str] = []

    def run() -> None:
        with fleets.make("lab1") as fleet:
            ready.wait(60)
            results.append(fleet.agents["lab1"].digest)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert len(set(results)) == 1
    assert len(host.installations()) == 2
    assert host.leftovers() == []


def test_two_names_of_one_machine_are_reported(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    hosts.add("lab2")
    with fleets.make("lab1", "lab2") as fleet:
        assert set(fleet.agents) == {"lab1", "lab2"}
    assert "lab1, lab2 are one machine and share its CPUs" in fleets.warnings


def test_host_that_serves_and_generates_gets_one_agent(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    with fleets.make("lab1", "lab1") as fleet:
        assert set(fleet.agents) == {"lab1"}


def test_agent_that_ends_is_reported_with_its_last_lines(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    with fleets.make("lab1", agent=AgentStart(("bench.no_such_module",), {})) as fleet:
        wait_until(lambda: fleet.ended, "the end of the agent is noticed")
        assert "exited with code 1" in fleet.ended["lab1"]
        assert "no_such_module" in fleet.ended["lab1"]


def test_cut_connection_ends_agent_and_removes_keys(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    with fleets.make("lab1") as fleet:
        agent = psutil.Process(fleet.agents["lab1"].pid)
        hosts.disconnect()
        wait_until(lambda: not agent.is_running(), "the agent has ended")
        wait_until(lambda: host.leftovers() == [], "the keys are removed")
        wait_until(lambda: fleet.ended, "the controller notices it")


def test_killed_controller_leaves_no_agent(hosts: SshHosts, fleets: Fleets, index: Path, tmp_path: Path) -> None:
    host = hosts.add("lab1")
    with fleets.make("lab1"):
        pass  # what was installed is used again below, or this test would take longer
    script = tmp_path / "controller.py"
    script.write_text(CONTROLLER)
    command = [sys.executable, str(script), str(index), str(tmp_path / "source")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as controller:
        assert controller.stdout is not None
        line = next((line for line in controller.stdout if line.startswith("agent ")), "")
        agent = psutil.Process(int(line.split()[1]))
        controller.send_signal(signal.SIGKILL)
    wait_until(lambda: not agent.is_running(), "the agent has ended")
    wait_until(lambda: host.leftovers() == [], "the keys are removed")


def test_killed_guard_takes_the_agent_with_it(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    with fleets.make("lab1") as fleet:
        agent = psutil.Process(fleet.agents["lab1"].pid)
        agent.parent().kill()  # type: ignore[union-attr]
        wait_until(lambda: not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE, "the agent has ended")


def install_programs(folder: Path, **programs: str) -> str:
    """Return a PATH that has the usual tools, and these programs instead of any Python."""
    folder.mkdir()
    for tool in ("sh", "env"):
        (folder / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.skipif(Path("/usr/local/bin/python3").exists(), reason="this machine has a Python that is always found")
def test_missing_python_is_one_line(hosts: SshHosts, fleets: Fleets, tmp_path: Path) -> None:
    hosts.add("lab1", path=install_programs(tmp_path / "bin"))
    assert refusal(fleets.make("lab1")) == (
        "lab1: no Python found; holabench needs Python 3.11 or newer; install python3"
    )


@pytest.mark.skipif(Path("/usr/local/bin/python3").exists(), reason="this machine has a Python that is always found")
def test_old_python_is_named(hosts: SshHosts, fleets: Fleets, tmp_path: Path) -> None:
    old = "printf '/usr/bin/python3\\t3.9.2\\t0\\tcpython\\n'"
    hosts.add("lab1", path=install_programs(tmp_path / "bin", python3=old))
    message = refusal(fleets.make("lab1"))
    assert "lab1: holabench needs Python 3.11 or newer (CPython); this host has 3.9.2 (/usr/bin/python3)" in message


def test_unknown_host_key_is_refused(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    (hosts.ssh_folder / "known_hosts").unlink()
    message = refusal(fleets.make("lab1"))
    assert f"its host key {hosts.host_key.get_fingerprint()} is unknown" in message
    assert "then run once: ssh lab1" in message
    assert not host.processes


def test_changed_host_key_is_refused(hosts: SshHosts, fleets: Fleets) -> None:
    host = hosts.add("lab1")
    other = asyncssh.generate_private_key("ssh-ed25519")
    known = f"[127.0.0.1]:{host.port} ".encode() + other.export_public_key()
    (hosts.ssh_folder / "known_hosts").write_bytes(known)
    assert "is not the one in known_hosts" in refusal(fleets.make("lab1"))


def test_host_keys_are_checked_even_without_known_hosts_file(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    (hosts.ssh_folder / "known_hosts").unlink()
    with (hosts.ssh_folder / "config").open("a") as file:
        file.write("  UserKnownHostsFile none\n")
    assert "is unknown" in refusal(fleets.make("lab1"))


def test_wrong_user_key_is_refused(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    hosts.write_user_key(asyncssh.generate_private_key("ssh-ed25519"))
    assert "lab1: login refused" in refusal(fleets.make("lab1"))


@pytest.mark.usefixtures("hosts")
def test_silent_server_is_one_line(fleets: Fleets) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts, and nobody answers
        port = server.getsockname()[1]
        message = refusal(fleets.make(f"{getpass.getuser()}@127.0.0.1:{port}", timeout_s=0.5))
    assert message == "127.0.0.1: no answer within 0.5 s; is it switched on, and does a firewall admit SSH?"


def test_each_host_that_fails_has_a_line(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("closed")
    with (hosts.ssh_folder / "config").open("a") as file:
        file.write("Host refused\n  HostName 127.0.0.1\n  Port 1\n")
    lines = refusal(fleets.make("closed", "refused", "no-such-host.invalid")).splitlines()
    assert lines[0].startswith("no-such-host.invalid: no address for 'no-such-host.invalid'")
    assert lines[1].startswith("refused: connection refused")


def test_root_is_refused_unless_allowed(hosts: SshHosts, fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts.add("lab1")
    fleet = fleets.make("lab1")
    fleet._allow_root = False  # noqa: SLF001 - the other tests may run as root
    original = deployment.probe

    async def probe_as_root(host: object) -> object:
        return dataclasses.replace(await original(host), uid=0)  # type: ignore[arg-type]

    monkeypatch.setattr(ssh_fleet, "probe", probe_as_root)
    assert "lab1: the agent would run as root" in refusal(fleet)


def test_starts_of_agents_know_the_addresses_of_all(hosts: SshHosts, fleets: Fleets) -> None:
    hosts.add("lab1")
    seen: dict[str, tuple[str, str]] = {}

    def starts(facts: Mapping[str, deployment.HostFacts]) -> dict[str, AgentStart]:
        seen.update({name: (each.address, each.controller_address) for name, each in facts.items()})
        return dict.fromkeys(facts, AgentStart(("http.server", "--bind", "127.0.0.1", "0"), {}))

    fleet = fleets.make("lab1")
    fleet._agent_starts = starts  # noqa: SLF001 - as a controller gives it
    with fleet:
        assert seen == {"lab1": ("127.0.0.1", "127.0.0.1")}

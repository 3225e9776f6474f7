"""Hosts with a network of their own: what is cut off, what is blocked, and what listens."""

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

pytest.importorskip("distributed", reason="runs over several machines need the extra cluster")

from bench.fleet.certificates import make_keys
from tests.support.fleet_command import GENERATOR, SERVERS, FleetCommand, RunningFleet, session_of
from tests.support.network_hosts import NetworkHost, network_hosts, run_ip
from tests.support.waiting import DEADLINE_S
from tests.system.test_fleet_losses import PLAN, check_resumed, statuses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAMES = (SERVERS, GENERATOR)
NOBODY = "02:00:00:00:00:01"  # a hardware address that no host has
LISTENING = "0A"  # proc_net_tcp(5)


@pytest.fixture
def hosts_and_command(tmp_path: Path) -> Iterator[tuple[Mapping[str, NetworkHost], FleetCommand]]:
    keys = {folder.name: folder for folder in make_keys(tmp_path / "keys", NAMES)}
    with network_hosts(NAMES) as (address, hosts):
        command = FleetCommand(tmp_path, PLAN, address, keys)
        command.wrap = lambda name, program: hosts[name].command(*program) if name in hosts else list(program)
        yield hosts, command


@pytest.mark.parametrize(
    ("name", "reason"),
    [(SERVERS, "agent lab1 (pid "), (GENERATOR, "generator on lab2 (pid ")],
)
def test_host_that_is_cut_off_fails_its_block(
    hosts_and_command: tuple[Mapping[str, NetworkHost], FleetCommand], name: str, reason: str
) -> None:
    hosts, command = hosts_and_command
    with command.start() as running:
        running.await_block(2)
        run_ip("-n", hosts[name].namespace, "link", "set", "eth0", "down")
        assert running.finish() == 1, running.errors
        assert f"holabench: {reason}" in running.errors.strip().splitlines()[-1]
        running.check_nothing_runs()
    run_ip("-n", hosts[name].namespace, "link", "set", "eth0", "up")
    assert statuses(command) == [(1, "ok"), (2, "failed")]
    check_resumed(command, [(1, "ok"), (2, "failed")])


def test_dropped_packets_to_a_generator_are_one_line(
    hosts_and_command: tuple[Mapping[str, NetworkHost], FleetCommand],
) -> None:
    hosts, command = hosts_and_command
    generator = hosts[GENERATOR].address
    block = ("neighbour", "replace", generator, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")
    run_ip("-n", hosts[SERVERS].namespace, *block)
    with command.start() as running:
        assert running.finish() == 2, running.errors
        last = running.errors.strip().splitlines()[-1]
        running.check_nothing_runs()
    assert last.startswith("holabench: generator on lab2 (pid "), running.errors
    assert f" cannot be reached at {generator}:" in last
    assert last.endswith("(no answer); does a firewall block it?")


def test_dropped_packets_to_the_controller_are_one_line_on_both_sides(
    hosts_and_command: tuple[Mapping[str, NetworkHost], FleetCommand],
) -> None:
    hosts, command = hosts_and_command
    command.wait_s = 1.0
    for host in hosts.values():
        block = ("neighbour", "replace", command.listen, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")
        run_ip("-n", host.namespace, *block)
    with command.start("--wait", "1") as running:
        assert running.finish() == 2, running.errors
        assert "holabench: agents lab1, lab2 did not connect to tls://" in running.errors.strip().splitlines()[-1]
        for name in NAMES:
            assert running.processes[name].wait(10 * DEADLINE_S) == 2
            assert "no scheduler within 1 s: timed out" in running.log(name)


def test_keys_of_another_fleet_are_one_line_on_both_sides(
    hosts_and_command: tuple[Mapping[str, NetworkHost], FleetCommand], tmp_path: Path
) -> None:
    _, command = hosts_and_command
    command.wait_s = 10.0
    others = {folder.name: folder for folder in make_keys(tmp_path / "others", NAMES)}
    command.tls_dirs = {**command.tls_dirs, SERVERS: others[SERVERS]}
    with command.start() as running:
        assert running.processes[SERVERS].wait(10 * DEADLINE_S) == 2
        assert "its certificate is of another authority" in running.log(SERVERS)
        assert running.finish() == 2, running.errors
        assert "agent lab1 did not connect to tls://" in running.errors.strip().splitlines()[-1]
        running.check_nothing_runs()


def test_nothing_of_a_fleet_listens_without_tls_and_no_key_is_an_argument(
    hosts_and_command: tuple[Mapping[str, NetworkHost], FleetCommand],
) -> None:
    hosts, command = hosts_and_command
    secrets = [line for path in command.tls_dirs.values() for line in key_lines(path / "key.pem")]
    with command.start() as running:
        running.await_block(1)
        for process in (each for first in running.processes.values() for each in session_of(first.pid)):
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                for kind in ("cmdline", "environ"):
                    text = Path(f"/proc/{process.pid}/{kind}").read_text(errors="replace")
                    assert not any(secret in text for secret in secrets), (kind, process)
        listening = {name: listening_sockets(running, name) for name in (*NAMES, "controller")}
        beyond = {(name, *each) for name, sockets in listening.items() for each in sockets if is_beyond(each[0])}
        assert {name for name, *_ in beyond} == {*NAMES, "controller"}  # an agent each, and the scheduler
        for name, address, port in sorted(beyond):
            host = hosts[name].address if name in hosts else command.listen
            assert address in (host, "0.0.0.0", "::")
            refuses_strangers(host, port)
        running.processes["controller"].terminate()
        running.finish()
        running.check_nothing_runs()


def key_lines(path: Path) -> list[str]:
    """Return the lines of a key that are secret; the file is readable by its owner alone."""
    assert path.stat().st_mode & 0o777 == 0o600
    return [line for line in path.read_text().splitlines() if not line.startswith("-")]


def is_beyond(address: str) -> bool:
    """Return whether an address can be reached from other machines."""
    return not address.startswith("127.") and address != "::1"


def listening_sockets(running: RunningFleet, name: str) -> set[tuple[str, int]]:
    """Return the addresses at which the processes of a host listen; those of the measured servers are left out."""
    found: set[tuple[str, int]] = set()
    for process in session_of(running.processes[name].pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "servers" in process.cmdline():
                continue
            inodes = set()
            for link in Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(str(link.readlink()))
            found |= {address for inode, address in table_of(process.pid) if f"socket:[{inode}]" in inodes}
    return found


def table_of(pid: int) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield inode and address of each TCP socket that listens in the network of a process."""
    for family, kind in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING:
                host, port = fields[1].split(":")
                words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
                yield fields[9], (socket.inet_ntop(kind, b"".join(words)), int(port, 16))


def refuses_strangers(host: str, port: int) -> None:
    """Check that a socket neither talks to a plain connection, nor to TLS without a certificate of the fleet."""
    with socket.create_connection((host, port), DEADLINE_S) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            answer = plain.recv(4096)
        assert answer[:1] in (b"", b"\x15"), answer  # nothing, or an alert of TLS
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answer = b""
    with (
        contextlib.suppress(ssl.SSLError, ConnectionResetError),
        socket.create_connection((host, port), DEADLINE_S) as connection,
        context.wrap_socket(connection) as stranger,
    ):
        answer = stranger.recv(4096)
    assert answer == b""

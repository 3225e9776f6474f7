"""Hosts that are reached over SSH, all on this machine: each is an SSH server with an empty home of its own."""

import asyncio
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from tests.support.waiting import DEADLINE_S

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class TestHost:
    """A host. path: its PATH. process_groups: of the programs that were started there."""

    __test__ = False

    name: str
    home: Path
    port: int
    path: str = PATH
    prefix: str = ""  # shell text before each command
    processes: list[int] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    @property
    def fleet_folder(self) -> Path:
        """The folder in which holabench installs."""
        return self.home / ".cache" / "holabench" / "fleet"

    def installations(self) -> list[str]:
        """Return the names of what is installed, sorted."""
        if not self.fleet_folder.exists():
            return []
        return sorted(entry.name for entry in self.fleet_folder.iterdir() if not entry.name.startswith((".", "run-")))

    def leftovers(self) -> list[str]:
        """Return unfinished installations and folders of keys."""
        return sorted(entry.name for entry in self.fleet_folder.iterdir() if entry.name.startswith((".", "run-")))


class SshHosts:
    """SSH servers in a thread, and the client's ``~/.ssh`` for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "controller"
        self.ssh_folder = self.home / ".ssh"
        self.ssh_folder.mkdir(parents=True, mode=0o700)
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.write_user_key(self.user_key)
        self._servers: list[asyncssh.SSHAcceptor] = []
        self._hosts: list[TestHost] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def add(self, name: str, path: str = PATH, prefix: str = "", sftp: Callable[..., Any] | None = None) -> TestHost:
        """Start a server that the settings of the user call by this name."""
        host = TestHost(name, self.folder / name, 0, path, prefix)
        host.home.mkdir(exist_ok=True)
        self._servers.append(self._call(self._listen(host, sftp)).result(DEADLINE_S))
        host.port = self._servers[-1].get_port()
        self._hosts.append(host)
        with (self.ssh_folder / "config").open("a") as file:
            file.write(f"Host {name}\n  HostName 127.0.0.1\n  Port {host.port}\n  IdentityAgent none\n")
        with (self.ssh_folder / "known_hosts").open("ab") as known:
            known.write(f"[127.0.0.1]:{host.port} ".encode() + self.host_key.export_public_key())
        return host

    def write_user_key(self, key: asyncssh.SSHKey) -> None:
        """Replace the user's key."""
        path = self.ssh_folder / "id_ed25519"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(key.export_private_key())

    def disconnect(self) -> None:
        """Cut all connections, as a network does."""
        for host in self._hosts:
            for connection in host.connections:
                self._loop.call_soon_threadsafe(connection.abort)

    def close(self) -> None:
        """Stop the servers and what they started."""
        for host in self._hosts:
            for pid in host.processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        self._call(self._close()).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self, host: TestHost, sftp: Callable[..., Any] | None) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(self.user_key.export_public_key().decode()),
            process_factory=lambda process: _run_in_shell(host, process),
            sftp_factory=sftp or True,
            acceptor=host.connections.append,
            encoding=None,
        )

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for host in self._hosts:
            for connection in host.connections:
                connection.abort()
        await asyncio.gather(*(server.wait_closed() for server in self._servers))
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), DEADLINE_S)


async def _run_in_shell(host: TestHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
    """Run a command as sshd does: in a shell, whose input ends with the connection."""
    client, server = process.get_extra_info("peername"), process.get_extra_info("sockname")
    program = subprocess.Popen(
        ["/bin/sh", "-c", f"{host.prefix} {process.command}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=host.home,
        env={
            "HOME": str(host.home),
            "PATH": host.path,
            "SSH_CONNECTION": f"{client[0]} {client[1]} {server[0]} {server[1]}",
        },
        start_new_session=True,
    )
    host.processes.append(program.pid)
    try:
        await process.redirect(program.stdin, program.stdout, program.stderr)
        process.exit(await asyncio.to_thread(program.wait))
    finally:
        await process.wait_closed()


@contextlib.contextmanager
def ssh_hosts(folder: Path) -> Iterator[SshHosts]:
    """Yield servers that are stopped at the end."""
    hosts = SshHosts(folder)
    try:
        yield hosts
    finally:
        hosts.close()

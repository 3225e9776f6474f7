"""Connections to hosts over SSH. The only module that imports asyncssh.

The user's own settings apply, as for the program ssh: ~/.ssh/config, ~/.ssh/known_hosts, keys and agent. Nothing is
asked at the terminal, and a host whose key is unknown is refused.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from bench.fleet.host_error import HostError

CONNECT_S = 15.0
_COMMAND_S = 60.0
# A host that has lost its network is noticed by the run itself. This is for connections that nobody else watches, and
# rare, because the host is being measured.
_KEEPALIVE_S, _KEEPALIVES = 60.0, 5
_ADDRESS = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[^\]\s]+\]|[^:@\s\[\]]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class HostAddress:
    """The address of an SSH server. user "" and port 0: as the user's SSH settings define."""

    text: str  # as the user wrote it
    host: str
    user: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A command that has ended on a host. code: 255 if the connection broke."""

    code: int
    output: bytes
    errors: str

    @property
    def last_line(self) -> str:
        """The last line of its standard error."""
        lines = [line for line in self.errors.splitlines() if line.strip()]
        return lines[-1].strip() if lines else "no output"


def parse_host(text: str) -> HostAddress:
    """Parse ``[user@]host[:port]``; an IPv6 address is in brackets. Raises HostError."""
    found = _ADDRESS.fullmatch(text)
    if not found or text.startswith("-"):
        raise HostError(f"{text!r} is not a host; write user@host or user@host:port, and IPv6 as user@[::1]:port")
    port = int(found["port"] or 0)
    if port > 65535:
        raise HostError(f"{text!r}: port {port} does not exist")
    return HostAddress(text, found["host"].strip("[]"), found["user"] or "", port)


class RemoteProcess:
    """A program on a host whose standard input and output are open."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    def write(self, data: bytes) -> None:
        """Write to its standard input."""
        self._process.stdin.write(data)

    def close_input(self) -> None:
        """Close its standard input."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write_eof()

    async def read_line(self, timeout_s: float) -> bytes:
        """Read a line of its standard output; b"" at its end. Raises TimeoutError."""
        return await asyncio.wait_for(self._process.stdout.readline(), timeout_s)

    async def errors(self) -> AsyncIterator[str]:
        """Yield the lines of its standard error until that ends."""
        with contextlib.suppress(asyncssh.Error):
            async for line in self._process.stderr:
                yield line.decode(errors="replace").rstrip("\n")

    async def wait(self) -> int:
        """Wait for its end. Returns its exit code; 255 if it was killed, or if the connection broke."""
        with contextlib.suppress(asyncssh.Error):
            await self._process.wait_closed()
        code = self._process.exit_status
        return 255 if code is None or code < 0 else code


class SshHost:
    """A connection to a host. name: for messages."""

    def __init__(self, name: str, connection: asyncssh.SSHClientConnection) -> None:
        self.name = name
        self._connection = connection

    async def run(self, command: str, stdin: bytes = b"", timeout_s: float = _COMMAND_S) -> CommandResult:
        """Run a command of the user's login shell to its end. Raises HostError."""
        try:
            done = await asyncio.wait_for(
                self._connection.run(command, input=stdin, encoding=None, check=False), timeout_s
            )
        except TimeoutError as error:
            raise HostError(f"{self.name}: no answer to a command within {timeout_s:g} s") from error
        except (OSError, asyncssh.Error) as error:
            raise HostError(f"{self.name}: the connection broke: {error}") from error
        code = 255 if done.exit_status is None or done.exit_status < 0 else done.exit_status
        errors = done.stderr if isinstance(done.stderr, bytes) else b""
        output = done.stdout if isinstance(done.stdout, bytes) else b""
        return CommandResult(code, output, errors.decode(errors="replace"))

    async def start(self, command: str) -> RemoteProcess:
        """Start a program that this process writes to. Raises HostError."""
        try:
            return RemoteProcess(await self._connection.create_process(command, encoding=None))
        except (OSError, asyncssh.Error) as error:
            raise HostError(f"{self.name}: cannot start a program: {error}") from error

    async def send_files(self, files: Sequence[Path], folder: str) -> None:
        """Copy files into a new folder. Raises HostError."""
        async with self._sftp() as sftp:
            await sftp.makedirs(folder, exist_ok=True)
            await sftp.put([str(path) for path in files], folder)

    async def send_contents(self, contents: Mapping[str, bytes], folder: str) -> None:
        """Write files that only the user may read (0600) into a folder, by their names. Raises HostError."""
        async with self._sftp() as sftp:
            for name, content in contents.items():
                attributes = asyncssh.SFTPAttrs(permissions=0o600)
                async with sftp.open(f"{folder}/{name}", "wb", attributes) as file:
                    await file.write(content)

    async def close(self) -> None:
        """Close the connection. What was started there sees the end of its input."""
        self._connection.close()
        with contextlib.suppress(TimeoutError, asyncssh.Error):
            await asyncio.wait_for(self._connection.wait_closed(), CONNECT_S)

    @contextlib.asynccontextmanager
    async def _sftp(self) -> AsyncIterator[asyncssh.SFTPClient]:
        try:
            async with self._connection.start_sftp_client() as sftp:
                yield sftp
        except asyncssh.ChannelOpenError as error:
            raise HostError(f"{self.name}: the SSH server offers no SFTP: {error.reason}") from error
        except asyncssh.SFTPError as error:
            # A server has no code of its own for a full disk: SFTP 3, section 7, SSH_FX_FAILURE.
            reason = f"cannot write files: {error.reason}; is the disk or the quota full?"
            raise HostError(f"{self.name}: {reason}") from error
        except (OSError, asyncssh.Error) as error:
            raise HostError(f"{self.name}: the connection broke: {error}") from error


class _KeyWatch(asyncssh.SSHClient):
    """Describes the key of a host that is not trusted."""

    def __init__(self) -> None:
        self.known_hosts: Any = ()
        self.alias = ""
        self.finding = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Refuse a key that known_hosts does not have."""
        known_hosts = self.known_hosts or str(Path("~/.ssh/known_hosts").expanduser())
        kind = "is unknown"
        with contextlib.suppress(OSError, ValueError):
            if asyncssh.match_known_hosts(known_hosts, self.alias or host, addr, port)[0]:
                kind = "is not the one in known_hosts: another machine answers, or it was installed again"
        self.finding = f"its host key {key.get_fingerprint()} {kind}"
        return False


async def connect(name: str, address: HostAddress, timeout_s: float = CONNECT_S) -> SshHost:
    """Connect to a host with the user's SSH settings. Raises HostError.

    name: of the host in messages.
    """
    watch = _KeyWatch()
    settings: dict[str, Any] = {
        "client_factory": lambda: watch,
        "config": [str(path) for path in [Path("~/.ssh/config").expanduser()] if path.is_file()],
        "password_auth": False,  # nobody is asked
        "kbdint_auth": False,
        "connect_timeout": timeout_s,
        "login_timeout": timeout_s,
        "keepalive_interval": _KEEPALIVE_S,
        "keepalive_count_max": _KEEPALIVES,
        "agent_forwarding": False,
        "command": None,  # a RemoteCommand of the settings is for people
    }
    if address.user:
        settings["username"] = address.user
    if address.port:
        settings["port"] = address.port
    try:
        options = await asyncssh.SSHClientConnectionOptions.construct(host=address.host, **settings)
        watch.known_hosts, watch.alias = options.known_hosts, options.host_key_alias or ""
        if options.known_hosts is None:  # asyncssh would trust everybody after "UserKnownHostsFile none"
            settings["known_hosts"] = watch.known_hosts = b""
        connection = await asyncssh.connect(address.host, **settings)
    except (OSError, ValueError, asyncssh.Error) as error:
        raise HostError(f"{name}: {_explain(error, address, watch.finding, timeout_s)}") from error
    return SshHost(name, connection)


def _explain(error: Exception, address: HostAddress, key_finding: str, timeout_s: float) -> str:
    """Return why a connection failed, and what to do."""
    target = f"{address.user}@{address.host}" if address.user else address.host
    login = f"ssh {f'-p {address.port} ' if address.port else ''}{target}"
    match error:
        case asyncssh.HostKeyNotVerifiable():
            finding = key_finding or f"its host key was refused ({error.reason})"
            return f"{finding}; compare the key on the host, then run once: {login}"
        case asyncssh.PermissionDenied():
            return f"login refused; keys and the SSH agent were tried, and no password is asked; check: {login}"
        case asyncssh.ConnectionLost():
            return f"the SSH server closed the connection; check: {login}"
        case asyncssh.Error():
            return f"SSH failed: {error.reason}; check: {login}"
        case TimeoutError():
            return f"no answer within {timeout_s:g} s; is it switched on, and does a firewall admit SSH?"
        case socket.gaierror():
            return f"no address for {address.host!r}; check the name"
        case ConnectionRefusedError():
            return "connection refused; is an SSH server running, and on this port?"
        case OSError():
            return f"unreachable: {error.strerror or error}"
    return f"SSH settings: {error}"

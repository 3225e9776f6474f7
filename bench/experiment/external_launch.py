"""Starting external servers, and attaching to running ones."""

import contextlib
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from bench.experiment.child_commands import external_command
from bench.experiment.child_process import Child, ServerError, UnmanagedServer
from bench.experiment.model_catalogue import external_arguments
from bench.experiment.server import Server
from bench.machine.child_environment import external_environment
from bench.machine.process_usage import ProcessTree, UnknownUsage
from bench.plan.external_server import ExternalServer
from bench.schema.arms import Arm

_HOST = "127.0.0.1"
_POLL_S = 0.02  # between two looks at the kernel's table of sockets
UNKNOWN_SOCKET_OPTIONS = dict.fromkeys(("backlog", "nodelay", "rcvbuf", "sndbuf"))


def launch_external(
    stack: contextlib.ExitStack, arm: Arm, external: ExternalServer, protocol: str, cpus: Sequence[int]
) -> Server:
    """Start an external server on a port that was free a moment ago. Raises OSError.

    An external server cannot report a port of its own choice, so holabench chooses one.
    """
    kind = socket.SOCK_STREAM if arm.transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((_HOST, 0))
        port = sock.getsockname()[1]
    arguments = external_arguments(external, port=port, transport=arm.transport, protocol=protocol, host=_HOST)
    child = stack.enter_context(
        Child(
            f"server {arm.name}",
            external_command(arguments),
            cpus,
            capture_stdout=external.ready == "line",
            folder=external.folder,
            environment=external_environment() | external.environment,
        )
    )
    return Server(arm, child, ProcessTree(child.pid), _ready(external, _HOST, port), external)


def attach(arm: Arm, external: ExternalServer) -> Server:
    """Return the running server of a target."""
    host, port = external.address
    return Server(arm, UnmanagedServer(), UnknownUsage(), _ready(external, host, port), external)


def await_external(server: Server, external: ExternalServer) -> None:
    """Wait until an external server is up. Raises ServerError, ChildError.

    Over UDP only a reply proves that; the protocol check tries several times.
    """
    if isinstance(server.child, UnmanagedServer):
        return
    if external.ready == "line":
        server.child.read_text(external.start_s)
        return
    port, deadline_s = server.ready["port"], time.monotonic() + external.start_s
    while time.monotonic() < deadline_s and server.child.alive:
        if _has_socket(server.arm.transport, port):
            return
        time.sleep(_POLL_S)
    report = server.child.stderr_report
    if not server.child.alive:
        raise ServerError(f"server {server.child.exit_text} during start-up; {report}")
    raise ServerError(f"server did not listen on port {port} within {external.start_s:g} s; {report}")


def _ready(external: ExternalServer, host: str, port: int) -> dict[str, object]:
    """Return the ready line that the server would print if it were a model."""
    return {"host": host, "port": port, "workers": external.cpus, "python": "", "sockets": UNKNOWN_SOCKET_OPTIONS}


def _has_socket(transport: str, port: int) -> bool:
    """Return whether any socket is bound to the port.

    The kernel's table is read, because connecting would make a client.
    """
    state = {"tcp": "0A", "udp": "07"}[transport]  # TCP_LISTEN; an unconnected datagram socket
    for table in (transport, f"{transport}6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and int(fields[1].rpartition(":")[2], 16) == port:
                    return True
    return False

"""Starting external servers, and attaching to running ones."""

import contextlib
import socket
import time
from collections.abc import Sequence

from bench.experiment.child_process import ServerError, UnmanagedServer
from bench.experiment.listening import LOOPBACK, Listening, find_listening
from bench.experiment.model_catalogue import filled
from bench.experiment.server import Server
from bench.experiment.supervised_child import SupervisedChild
from bench.machine.child_environment import external_environment
from bench.machine.process_usage import UnknownUsage
from bench.plan.external_server import ExternalServer
from bench.schema.arms import Arm

_POLL_S = 0.02  # between two looks at the kernel's table of sockets
UNKNOWN_SOCKET_OPTIONS = dict.fromkeys(("backlog", "nodelay", "rcvbuf", "sndbuf"))


def launch_external(
    stack: contextlib.ExitStack,
    arm: Arm,
    external: ExternalServer,
    protocol: str,
    cpus: Sequence[int],
    address: str = "",
) -> Server:
    """Start an external server on a port that was free a moment ago. Raises OSError.

    An external server cannot report a port of its own choice, so holabench chooses one. address: where generators on
    other machines reach it; "" for loopback.
    """
    host = address or LOOPBACK
    kind = socket.SOCK_STREAM if arm.transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        port = sock.getsockname()[1]
    external = filled(external, port=port, transport=arm.transport, protocol=protocol, host=host)
    start_deadline_s = time.monotonic() + external.start_s
    child = stack.enter_context(
        SupervisedChild(
            f"server {arm.name}",
            external.command,
            cpus,
            ready_line=external.ready == "line",
            folder=external.folder,
            environment=external_environment() | external.environment,
        )
    )
    return Server(arm, child, child.tree, _ready(external, host, port), external, start_deadline_s)


def attach(arm: Arm, external: ExternalServer) -> Server:
    """Return the running server of a target."""
    host, port = external.address
    return Server(arm, UnmanagedServer(), UnknownUsage(), _ready(external, host, port), external)


def await_external(server: Server, external: ExternalServer, address: str = "") -> None:
    """Wait until an external server is up: until one of its own processes listens on its port.

    address: as in ``launch_external``. Raises ServerError, ChildError.
    """
    if not isinstance(server.child, SupervisedChild):
        return
    child, port = server.child, int(server.ready["port"])
    if external.ready == "line":
        child.await_line(server.start_deadline_s - time.monotonic())
    listening = Listening()
    while child.alive:
        listening = find_listening(server.arm.transport, port, child.tree.pids(), address or LOOPBACK)
        if listening.host:
            server.ready = {**server.ready, "host": listening.host}
            return
        if time.monotonic() > server.start_deadline_s:
            problem = listening.problem or f"did not listen on port {port}"
            raise ServerError(f"server {problem} within {external.start_s:g} s; {child.stderr_report}")
        time.sleep(_POLL_S)
    raise ServerError(f"server {child.exit_text} during start-up; {child.stderr_report}")


def _ready(external: ExternalServer, host: str, port: int) -> dict[str, object]:
    """Return the ready line that the server would print if it were a model."""
    return {"host": host, "port": port, "workers": external.cpus, "python": "", "sockets": UNKNOWN_SOCKET_OPTIONS}

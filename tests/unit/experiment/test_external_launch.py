"""An external server is up when one of its own processes listens on its port."""

import contextlib
import os
import socket
import sys
from pathlib import Path

import pytest

from bench.experiment.child_process import ChildError, ServerError
from bench.experiment.external_launch import await_external, launch_external
from bench.experiment.listening import find_listening, judge_listening
from bench.experiment.server import Server
from bench.machine.socket_table import BoundSocket
from bench.plan.external_server import ExternalServer
from bench.schema.arms import Arm

CPUS = sorted(os.sched_getaffinity(0))
LISTENS = """
import signal, socket, sys
transport, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
sock = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
sock.bind((host, port))
transport == "udp" or sock.listen()
signal.pause()
"""


def launch(
    stack: contextlib.ExitStack, folder: Path, code: str, *arguments: str, transport: str = "tcp", start_s: float = 20.0
) -> Server:
    command = ("{python}", "-c", code, *arguments)
    external = ExternalServer(name="mine", command=command, folder=str(folder), start_s=start_s)
    return launch_external(stack, Arm("mine", transport), external, "echo", CPUS)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def await_up(server: Server) -> None:
    assert server.external is not None
    await_external(server, server.external)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("host", "reached_at"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "localhost"),
        ("::1", "::1"),
        ("127.0.0.9", "127.0.0.9"),
    ],
)
def test_server_is_up_when_it_listens(transport: str, host: str, reached_at: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = launch(stack, tmp_path, LISTENS, transport, host, "{port}", transport=transport)
        await_up(server)
        assert server.ready["host"] == reached_at


def test_message_names_the_port_on_which_server_listens_instead(tmp_path: Path) -> None:
    other_port = free_port()
    with contextlib.ExitStack() as stack:
        server = launch(stack, tmp_path, LISTENS, "tcp", "127.0.0.1", str(other_port), start_s=1.0)
        expected = (
            rf"^server listens on {other_port} instead of {{port}} = {server.ready['port']}; it was not up within"
        )
        with pytest.raises(ServerError, match=expected):
            await_up(server)


def test_listener_of_another_program_is_not_the_server(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        silent = launch(stack, tmp_path, "import signal; signal.pause()", start_s=1.0)
        port = silent.ready["port"]
        other = launch(stack, tmp_path, LISTENS, "tcp", "127.0.0.1", str(port))
        other.ready = {**other.ready, "port": port}
        await_up(other)
        pid = other.tree.pids()[0]  # type: ignore[union-attr]  # it is not a running server
        expected = rf"^server does not have port {port} to itself: python\S* \(pid {pid}\) listens there"
        with pytest.raises(ServerError, match=expected):
            await_up(silent)


def test_server_that_ends_during_startup_has_its_exit_code(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = launch(stack, tmp_path, "import sys; sys.exit('no configuration')")
        with pytest.raises(ServerError, match=r"^server exited with code 1 during start-up; .*no configuration$"):
            await_up(server)


def test_ready_line_does_not_replace_the_listener(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = launch(stack, tmp_path, "print('ready', flush=True); import signal; signal.pause()", start_s=1.0)
        external = ExternalServer(name="mine", command=(sys.executable,), ready="line", start_s=1.0)
        with pytest.raises(ServerError, match=rf"did not listen on port {server.ready['port']} within 1 s"):
            await_external(server, external)


def test_missing_ready_line_is_reported(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = launch(stack, tmp_path, LISTENS, "tcp", "127.0.0.1", "{port}", start_s=1.0)
        external = ExternalServer(name="mine", command=(sys.executable,), ready="line", start_s=1.0)
        with pytest.raises(ChildError, match="no line of output from server mine/tcp for"):
            await_external(server, external)


def test_judge_listening_prefers_the_address_of_the_load() -> None:
    own = [BoundSocket("::1", 7000, 1), BoundSocket("0.0.0.0", 7000, 2), BoundSocket("127.0.0.1", 7001, 3)]
    assert judge_listening(own, 7000).host == "127.0.0.1"
    assert judge_listening(own[:1], 7000).host == "::1"
    assert judge_listening(own[1:], 7002).problem.startswith("listens on 7000, 7001 instead of {port} = 7002")
    assert judge_listening([], 7000).problem == ""


def test_server_for_other_machines_must_listen_where_they_reach_it() -> None:
    own = [BoundSocket("127.0.0.1", 7000, 1)]
    assert judge_listening([*own, BoundSocket("10.0.0.1", 7000, 2)], 7000, "10.0.0.1").host == "10.0.0.1"
    assert judge_listening([BoundSocket("::", 7000, 2)], 7000, "10.0.0.1").host == "10.0.0.1"
    problem = judge_listening(own, 7000, "10.0.0.1").problem
    assert problem.startswith("listens on 127.0.0.1, which other machines cannot reach, instead of {host} = 10.0.0.1")


def test_no_process_listens_nowhere() -> None:
    assert find_listening("tcp", free_port(), []).host == ""

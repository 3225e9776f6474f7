"""Start and end of a server: options, address, signals, death of its parent."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from servers import registry
from tests.conformance.cases import MODELS, by_life_arm, by_process_arm
from tests.conformance.checks import listening_backlog, max_backlog
from tests.conformance.families import one_per_bind, one_per_conversation
from tests.support.processes import ROOT, have_exited, limit_descriptors, read_line, run_program
from tests.support.servers import Server, make_command, start_command, start_server
from tests.support.sockets import assert_serves, connect, exchange
from tests.support.waiting import DEADLINE_S, wait_until


def name_of(number: signal.Signals) -> str:
    return number.name


@pytest.mark.parametrize("model", one_per_bind("tcp", lambda model: model.own_backlog is not None))
def test_backlog_option_is_ignored_by_model_with_own_backlog(model: str) -> None:
    with start_server(model, "tcp", "echo", "--backlog", "100") as server:
        assert server["sockets"]["backlog"] == server.model.own_backlog
        assert listening_backlog(server) == server.model.own_backlog


@pytest.mark.parametrize("model", one_per_bind("tcp", lambda model: model.own_backlog is None))
def test_backlog_option_is_limited_by_the_kernel(model: str) -> None:
    for requested in (7, max_backlog(), max_backlog() + 1):
        with start_server(model, "tcp", "echo", "--backlog", str(requested)) as server:
            assert server["sockets"]["backlog"] == min(requested, max_backlog())
            assert listening_backlog(server) == min(requested, max_backlog())


@pytest.mark.parametrize("transport", registry.TRANSPORTS)
def test_port_in_use_fails_with_one_line(transport: str) -> None:
    for model in one_per_bind(transport):
        with start_server(model, transport) as server:
            port = str(server.address[1])
            second = run_program(make_command(model, transport, "echo", "--port", port))
            assert second.returncode == 1
            assert second.stdout == ""
            assert len(second.stderr.splitlines()) == 1
            assert f"port {port} of 127.0.0.1 is in use" in second.stderr
            assert "--port 0" in second.stderr
            assert_serves(server)


@pytest.mark.parametrize("model", one_per_bind("tcp"))
def test_port_of_exited_server_can_be_reused_at_once(model: str) -> None:
    with start_server(model, "tcp", "hola") as server:
        port = str(server.address[1])
        with connect(server) as conn:
            conn.sendall(b"adios")
            while conn.recv(100):  # the server closes first, so its side stays in TIME_WAIT
                pass
    with start_server(model, "tcp", "hola", "--port", port) as server:
        assert_serves(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=name_of)
@by_life_arm
def test_signal_to_group_ends_it_silently(model: str, transport: str, number: signal.Signals) -> None:
    check_group_signal(model, transport, number)


@by_process_arm
def test_kill_of_group_ends_it_silently(model: str, transport: str) -> None:
    check_group_signal(model, transport, signal.SIGKILL)


def check_group_signal(model: str, transport: str, number: signal.Signals) -> None:
    with start_server(model, transport) as server:
        server.workers()
        tree = server.tree()
        os.killpg(server.pid, number)
        assert server.process.wait(DEADLINE_S) == -number
        wait_until(lambda: have_exited(tree), "all processes have exited")
        assert server.stderr() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=name_of)
@by_process_arm
def test_signal_to_main_process_leaves_no_worker(model: str, transport: str, number: signal.Signals) -> None:
    with start_server(model, transport) as server, start_client_process(server):
        server.workers()
        tree = server.tree()
        os.kill(server.pid, number)
        assert server.process.wait(DEADLINE_S) == -number
        wait_until(lambda: have_exited(tree), "all processes have exited")


WITHIN_GROUP = """
import subprocess, sys
subprocess.Popen(["sleep", "60"])
sys.exit(subprocess.Popen(sys.argv[1:]).wait())
"""


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if model.forks])
def test_client_process_ends_with_server_that_leads_no_group(model: str) -> None:
    """Test the case in which the server must not kill its process group: others are in it."""
    command = [sys.executable, "-c", WITHIN_GROUP, *make_command(model)]
    with start_command(command) as server, connect(server) as conn:
        exchange(conn, b"hello")
        main = psutil.Process(server["pid"])
        assert os.getpgid(main.pid) == server.pid != main.pid
        (stranger,) = [process for process in server.tree() if process.name() == "sleep"]
        (client_process,) = main.children()
        main.kill()
        wait_until(lambda: have_exited([client_process]), "the process of the client has exited")
        assert not have_exited([stranger])


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if model.forks])
def test_forking_server_keeps_its_pid_and_few_libraries(model: str) -> None:
    with start_server(model) as server:
        assert server["pid"] == server.pid
        mapped = {Path(mapping.path).name for mapping in psutil.Process(server.pid).memory_maps()}
        assert not [name for name in mapped if name.startswith(("_ctypes", "libffi", "_json", "resource"))]


@contextlib.contextmanager
def start_client_process(server: Server) -> Iterator[None]:
    """Keep a connection open if each client has a process, so that there is one."""
    if server.model.forks and server["transport"] == "tcp":
        with connect(server) as conn:
            exchange(conn, b"hello")
            assert len(server.tree()) == 2
            yield
    else:
        yield


@pytest.mark.parametrize("transport", registry.TRANSPORTS)
def test_parent_gone_before_start_ends_server_at_once(transport: str) -> None:
    """Check it with a reader on stdout, as a process that starts may inherit one."""
    parent = subprocess.Popen([sys.executable, "-c", ""])
    parent.wait()
    result = run_program(make_command("select", transport), environment={"HOLABENCH_PARENT": str(parent.pid)})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"exiting: parent process {parent.pid} is gone")
    assert len(result.stderr.splitlines()) == 1


PARENT = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], start_new_session=True)
print(server.pid, flush=True)
server.wait()
"""


@by_life_arm
def test_parent_killed_ends_server_and_workers(model: str, transport: str) -> None:
    if MODELS[model].missing:
        pytest.skip(f"{MODELS[model].needs} is not installed")
    command = [sys.executable, "-c", PARENT, *make_command(model, transport)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, bufsize=0) as parent:
        assert parent.stdout is not None
        pid = 0
        try:
            lines = [read_line(parent.stdout), read_line(parent.stdout)]
            assert all(lines)
            ready, pid = sorted(map(json.loads, lines), key=lambda line: isinstance(line, int))
            server = psutil.Process(pid)
            if MODELS[model].parallel:
                wait_until(lambda: len(server.children()) == ready["workers"], "all workers have started")
            tree = [server, *server.children(recursive=True)]
            parent.kill()
            wait_until(lambda: have_exited(tree), "the server and its workers have exited")
        finally:
            parent.kill()
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize("transport", registry.TRANSPORTS)
def test_closed_stdout_ends_server_before_it_serves(transport: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = make_command("select", transport)
    with subprocess.Popen(command, cwd=ROOT, stdout=write_end, stderr=subprocess.DEVNULL) as process:
        os.close(write_end)
        try:
            assert process.wait(DEADLINE_S) == 1
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_model"], "no server model 'no_such_model'; available: "),
        (["../models/select"], "no server model"),
        (["__init__"], "no server model '__init__'; available: "),
        (["select", "--host", "\udcff"], "'\\udcff' is neither an address nor a host name"),
        (["select", "--transport", "sctp"], "sctp"),
        (["select", "--protocol", "chargen"], "chargen"),
        (["select", "--port", "65536"], "'65536' is not a whole number from 0 to 65535"),
        (["select", "--port", "http"], "'http'"),
        (["select", "--backlog", "0"], "'0'"),
        (["multiprocessing", "--workers", "0"], "'0'"),
        ([], "model"),
    ],
    ids=" ".join,
)
def test_invalid_argument_fails_with_one_line(arguments: list[str], message: str) -> None:
    result = run_program([sys.executable, "-m", "servers", *arguments])
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_foreign_address_fails_with_one_line() -> None:
    result = run_program(make_command("select", "tcp", "echo", "--host", "192.0.2.1"))  # reserved for documentation
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "192.0.2.1 cannot be bound" in result.stderr


@pytest.mark.parametrize(
    ("model", "descriptors", "options", "message"),
    [
        ("asyncio", 5, [], "a server needs 24 open files, and the limit is 5"),
        ("trio", 8, [], "a server needs 24 open files, and the limit is 8"),
        ("multiprocessing", 64, ["--workers", "30"], "30 workers need 84 open files, and the limit is 64"),
        ("reuseport", 64, ["--workers", "20"], "20 workers need 84 open files, and the limit is 64"),
    ],
)
def test_descriptor_limit_too_low_fails_with_one_line(
    model: str, descriptors: int, options: list[str], message: str
) -> None:
    result = run_program(limit_descriptors(descriptors, make_command(model, "tcp", "echo", *options)))
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert "ulimit -Hn" in result.stderr


IPV6_ARMS = [(model, transport) for transport in registry.TRANSPORTS for model in one_per_conversation(transport)]


@pytest.mark.parametrize(("model", "transport"), IPV6_ARMS)
def test_ipv6_address_is_served(model: str, transport: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    with start_server(model, transport, "echo", "--host", "::1") as server:
        assert_serves(server)


@pytest.mark.parametrize("model", one_per_bind("tcp", lambda model: not model.parallel))
def test_workers_option_is_ignored_by_model_without_workers(model: str) -> None:
    with start_server(model, "tcp", "echo", "--workers", "3") as server:
        assert server["workers"] == 1
        assert len(server.tree()) == 1

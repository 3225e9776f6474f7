import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conformance.cases import ARMS, MODELS, models
from tests.support.processes import ROOT, have_exited, limit_descriptors, read_line, run_program
from tests.support.servers import Server, make_command, start_command
from tests.support.sockets import assert_serves
from tests.support.waiting import DEADLINE_S, wait_until

by_arm = pytest.mark.parametrize(("model", "transport"), ARMS)


def test_the_ready_line_tells_what_runs_and_it_serves_from_then_on(any_server: Server) -> None:
    assert_serves(any_server)
    ready = any_server.ready
    assert list(ready) == (
        ["ready", "pid", "host", "port", "model", "transport", "protocol", "workers", "python", "sockets"]
    )
    assert ready["ready"] is True
    assert ready["pid"] == any_server.pid
    assert ready["host"] == "127.0.0.1"
    assert ready["port"] > 0
    assert ready["python"] == f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    assert (ready["workers"] > 1) == any_server.model.parallel
    assert list(ready["sockets"]) == ["backlog", "nodelay", "rcvbuf", "sndbuf"]
    if ready["transport"] == "tcp":
        assert ready["sockets"]["nodelay"] == (1 if any_server.model.own_backlog is None else 0)
    assert any_server.stderr() == ""


@pytest.mark.parametrize("model", models("tcp", lambda model: model.own_backlog is not None))
def test_a_model_with_its_library_s_backlog_has_that(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--backlog", "100")) as server:
        assert server.ready["sockets"]["backlog"] == server.model.own_backlog
        assert listening_backlog(server) == server.model.own_backlog


@pytest.mark.parametrize("model", models("tcp", lambda model: model.own_backlog is None))
def test_the_backlog_is_the_one_in_force(model: str) -> None:
    most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    for asked in (7, most, most + 1):
        with start_command(make_command(model, "tcp", "echo", "--backlog", str(asked))) as server:
            assert_serves(server)  # asyncio, for one, would have set its own by now
            assert server.ready["sockets"]["backlog"] == min(asked, most)
            assert listening_backlog(server) == min(asked, most)


def listening_backlog(server: Server) -> int:
    """Ask the kernel, by the tool that shows it: for a listener its Send-Q is the backlog."""
    shown = subprocess.run(
        ["ss", "-Hltn", f"sport = :{server.address[1]}"], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(shown[2])


@by_arm
def test_a_second_server_on_the_same_port_fails_with_one_clear_line(model: str, transport: str) -> None:
    with start_command(make_command(model, transport)) as server:
        port = str(server.address[1])
        second = run_program(make_command(model, transport, "echo", "--port", port))
        assert second.returncode == 1
        assert second.stdout == ""
        assert len(second.stderr.splitlines()) == 1
        assert f"port {port} of 127.0.0.1 is in use" in second.stderr
        assert "--port 0" in second.stderr
        assert_serves(server)


@pytest.mark.parametrize("model", models("tcp"))
def test_the_port_can_be_taken_again_at_once(model: str) -> None:
    with start_command(make_command(model, "tcp", "hola")) as server:
        port = str(server.address[1])
        with socket.create_connection(server.address, timeout=DEADLINE_S) as conn:
            conn.sendall(b"adios")
            while conn.recv(100):  # the server closes first: its side stays in TIME_WAIT
                pass
    with start_command(make_command(model, "tcp", "hola", "--port", port)) as server:
        assert_serves(server)


@by_arm
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_to_the_group_ends_it_without_a_word(model: str, transport: str, number: signal.Signals) -> None:
    with start_command(make_command(model, transport, "hola")) as server:
        server.workers()
        tree = server.tree()
        os.killpg(server.pid, number)
        assert server.process.wait(DEADLINE_S) == -number
        wait_until(lambda: have_exited(tree), "all processes have ended")
        assert server.stderr() == ""


@by_arm
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_to_the_main_process_leaves_no_worker(model: str, transport: str, number: signal.Signals) -> None:
    with start_command(make_command(model, transport)) as server:
        server.workers()
        tree = server.tree()
        os.kill(server.pid, number)
        assert server.process.wait(DEADLINE_S) == -number
        wait_until(lambda: have_exited(tree), "all processes have ended")


@by_arm
def test_it_ends_at_once_where_its_parent_had_ended_before(model: str, transport: str) -> None:
    """Though its standard output still has a reader: a sibling that is being started holds it for a moment."""
    nobody = subprocess.Popen([sys.executable, "-c", ""])
    nobody.wait()
    result = run_program(make_command(model, transport), environment={"HOLABENCH_PARENT": str(nobody.pid)})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"exiting: parent process {nobody.pid} is gone")


@by_arm
def test_it_ends_when_its_parent_is_killed(model: str, transport: str) -> None:
    parent_program = "\n".join(
        (
            "import subprocess, sys",
            "server = subprocess.Popen(sys.argv[1:], start_new_session=True)",
            "print(server.pid, flush=True)",
            "server.wait()",
        )
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_program, *make_command(model, transport)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as parent:
        assert parent.stdout is not None
        pid = 0
        try:
            lines = [read_line(parent.stdout), read_line(parent.stdout)]
            assert all(lines)
            ready, pid = sorted(map(json.loads, lines), key=lambda line: isinstance(line, int))
            server = psutil.Process(pid)
            if MODELS[model].parallel:
                wait_until(lambda: len(server.children()) == ready["workers"], "the workers are there")
            tree = [server, *server.children(recursive=True)]
            parent.kill()
            wait_until(lambda: have_exited(tree), "the server and its workers have ended")
        finally:
            parent.kill()
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)


@by_arm
def test_it_ends_when_nobody_reads_its_ready_line(model: str, transport: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with subprocess.Popen(
        make_command(model, transport), cwd=ROOT, stdout=write_end, stderr=subprocess.DEVNULL
    ) as process:
        os.close(write_end)
        try:
            assert process.wait(DEADLINE_S) == 1
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("words", "said"),
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
def test_a_wrong_argument_gets_one_clear_line(words: list[str], said: str) -> None:
    result = run_program([sys.executable, "-m", "servers", *words])
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr


def test_an_address_that_is_not_here_gets_one_clear_line() -> None:
    result = run_program(make_command("select", "tcp", "echo", "--host", "192.0.2.1"))  # reserved for documentation
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "192.0.2.1 cannot be bound" in result.stderr


@pytest.mark.parametrize(
    ("model", "descriptors", "more", "said"),
    [
        ("asyncio", 5, [], "a server needs 24 open files, and the limit is 5"),
        ("trio", 8, [], "a server needs 24 open files, and the limit is 8"),
        ("multiprocessing", 64, ["--workers", "30"], "30 workers need 84 open files, and the limit is 64"),
        ("reuseport", 64, ["--workers", "20"], "20 workers need 84 open files, and the limit is 64"),
    ],
)
def test_a_limit_on_open_files_that_is_too_low_gets_one_clear_line(
    model: str, descriptors: int, more: list[str], said: str
) -> None:
    result = run_program(limit_descriptors(descriptors, make_command(model, "tcp", "echo", *more)))
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
    assert "ulimit -Hn" in result.stderr


@by_arm
def test_it_serves_over_ipv6_too(model: str, transport: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    with start_command(make_command(model, transport, "echo", "--host", "::1")) as server:
        assert_serves(server)

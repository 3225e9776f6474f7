"""What a model with several processes promises of them, and what a thread per UDP peer does."""

import contextlib
import itertools
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.conformance.cases import models
from tests.support.processes import have_exited
from tests.support.servers import Server, make_command, make_patched_command, start_command
from tests.support.sockets import assert_serves, connect, exchange, exchange_datagram, make_udp_socket
from tests.support.waiting import wait_until


def clients_of(process: psutil.Process) -> int:
    """Count the connections that a process holds; of what else it opens for itself some comes after the ready line."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in process.net_connections("tcp"))


def kill(server: Server, worker: psutil.Process) -> None:
    """End one worker, and wait until another has taken its place."""
    worker.kill()
    wait_until(
        lambda: (
            worker.pid not in {process.pid for process in server.tree()}
            and len(server.tree()) == 1 + server.ready["workers"]
        ),
        "there are as many workers as before",
    )


@pytest.mark.parametrize("model", models("tcp", lambda model: model.parallel))
def test_it_has_as_many_workers_as_it_was_told(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--workers", "3")) as server:
        assert server.ready["workers"] == 3
        assert len(server.workers()) == 3
    with start_command(make_command(model, "tcp")) as server:
        assert server.ready["workers"] == len(server.workers()) == max(2, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("model", models("tcp", lambda model: not model.parallel))
def test_a_model_without_workers_says_that_it_is_one(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--workers", "3")) as server:
        assert server.ready["workers"] == 1
        assert len(server.tree()) == 1


@pytest.mark.parametrize("model", models("tcp", lambda model: model.parallel))
def test_a_killed_worker_takes_its_own_connections_alone_and_is_replaced(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--workers", "2")) as server:
        worker = server.workers()[0]
        conns = [connect(server) for _ in range(40)]
        for conn in conns:
            exchange(conn, b"before")
        its_own = clients_of(worker)
        kill(server, worker)
        broken = 0
        for conn in conns:
            try:
                conn.sendall(b"after")
                reply = conn.recv(100)
            except ConnectionError:
                reply = b""
            broken += reply != b"after"
            conn.close()
        assert broken == its_own
        assert f"worker {worker.pid} exited with code -9" in server.stderr()
        for _ in range(20):
            assert_serves(server)


@pytest.mark.parametrize("model", models("udp", lambda model: model.parallel))
def test_datagrams_are_answered_after_a_worker_was_killed(model: str) -> None:
    with start_command(make_command(model, "udp", "echo", "--workers", "2")) as server, make_udp_socket(server) as sock:
        for worker in server.workers():
            kill(server, worker)
            for _ in range(20):
                exchange_datagram(sock, b"still there?")


@pytest.mark.parametrize("model", models("tcp", lambda model: model.parallel))
def test_a_worker_holds_no_descriptor_of_the_others(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--workers", "4")) as server:

        def pipes() -> list[int]:
            return [len(pipes_of(worker)) for worker in server.workers()]

        wait_until(lambda: pipes() == [pipes()[0]] * 4, "the last one has as many pipes as the first one")
        kill(server, server.workers()[0])
        wait_until(lambda: pipes() == [pipes()[0]] * 4, "and so has the one that replaces another")


def pipes_of(process: psutil.Process) -> set[str]:
    """The pipes that a process holds."""
    links = set()
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed since
            links.add(str(link.readlink()))
    return {link for link in links if link.startswith("pipe:")}


def test_workers_that_end_at_once_are_replaced_at_a_walking_pace() -> None:
    change = "\n".join(
        (
            "import os, time",
            "from servers import worker_pool",
            "from servers.models import select",
            "worker_pool.RESTART_DELAY_S = 0.1",
            "select.serve_tcp = lambda *_: (print(time.monotonic(), file=sys.stderr, flush=True), os._exit(3))",
        )
    )
    with start_command(make_patched_command(f"import sys\n{change}", "multiprocessing", "--workers", "1")) as server:
        wait_until(lambda: server.stderr().count("exited with code 3") >= 4, "four workers have ended")
        started_s = [float(line) for line in re.findall(r"^[\d.]+$", server.stderr(), re.MULTILINE)]
        assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(started_s))
        os.killpg(server.pid, signal.SIGTERM)


def test_a_worker_that_cannot_be_started_is_told_once_and_started_later() -> None:
    change = "\n".join(
        (
            "import errno, os",
            "from servers import worker_pool",
            "worker_pool.RESTART_DELAY_S = 0.01",
            "fork, forks = os.fork, []",
            "def fork_or_fail():",
            "    forks.append(0)",
            "    if 2 < len(forks) < 12:",
            "        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))",
            "    return fork()",
            "os.fork = fork_or_fail",
        )
    )
    with start_command(make_patched_command(change, "multiprocessing", "--workers", "2")) as server:
        first, other = server.workers()
        kill(server, first)
        main = psutil.Process(server.pid)
        wait_until(lambda: main.num_fds() == 4 + 2 * 2, "it has its streams, its socket, and two pipes for each worker")
        assert not have_exited([other])
        assert server.stderr().count("cannot be started") == 1
        assert "1 of 2 workers cannot be started: Resource temporarily unavailable" in server.stderr()
        assert_serves(server)


def threads(server: Server) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(psutil.Process(server.pid).num_threads())
    return 0


def test_the_thread_of_a_udp_peer_ends_when_it_is_idle_and_starts_again() -> None:
    change = "from servers.models import thread_per_client\nthread_per_client.IDLE_S = 0.1"
    with start_command(make_patched_command(change, "thread_per_client", "--transport", "udp")) as server:
        socks = [make_udp_socket(server) for _ in range(10)]
        for _ in range(3):
            for sock in socks:
                exchange_datagram(sock, b"here I am")
            wait_until(lambda: threads(server) == 1, "only the receiving thread is left")
        for sock in socks:
            sock.close()


def test_a_udp_peer_that_takes_leave_frees_its_thread_at_once() -> None:
    with start_command(make_command("thread_per_client", "udp", "hola")) as server, make_udp_socket(server) as sock:
        exchange_datagram(sock, b"hola", b"pues hola")
        assert threads(server) == 2
        exchange_datagram(sock, b"adios", b"pues adios")
        wait_until(lambda: threads(server) == 1, "only the receiving thread is left")
        exchange_datagram(sock, b"hola", b"pues hola")


def test_no_datagram_is_lost_between_a_thread_that_ends_and_the_next() -> None:
    change = "from servers.models import thread_per_client\nthread_per_client.IDLE_S = 0.0001"
    with (
        start_command(make_patched_command(change, "thread_per_client", "--transport", "udp")) as server,
        make_udp_socket(server) as sock,
    ):
        for number in range(3_000):
            exchange_datagram(sock, b"%d" % number)


def test_where_no_thread_can_be_had_a_connection_is_closed_and_a_datagram_answered_all_the_same() -> None:
    change = "\n".join(
        (
            "import _thread",
            "def refuse(*_):",
            "    raise RuntimeError('no more threads')",
            "_thread.start_new_thread = refuse",
        )
    )
    with (
        start_command(make_patched_command(change, "thread_per_client", "--transport", "udp")) as server,
        make_udp_socket(server) as sock,
    ):
        for _ in range(3):
            exchange_datagram(sock, b"here I am")
        assert len(server.stderr().splitlines()) == 1
    with start_command(make_patched_command(change, "thread_per_client")) as server:
        for _ in range(3):
            with connect(server) as conn:
                assert conn.recv(1) == b""
        assert len(server.stderr().splitlines()) == 1

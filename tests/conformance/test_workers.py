"""Pools of worker processes, and the threads that a model starts for UDP peers."""

import contextlib
import itertools
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.conformance.cases import MODELS, models_with
from tests.support.processes import have_exited
from tests.support.servers import Server, make_patched_command, start_command, start_server
from tests.support.sockets import assert_serves, connect, exchange, exchange_datagram, make_udp_socket
from tests.support.waiting import wait_until
from tests.support.work_frames import make_frame


@pytest.mark.parametrize("model", models_with("tcp", lambda model: model.parallel))
def test_pool_has_the_requested_number_of_workers(model: str) -> None:
    with start_server(model, "tcp", "echo", "--workers", "3") as server:
        assert server["workers"] == 3
        assert len(server.workers()) == 3
    with start_server(model, "tcp") as server:
        assert server["workers"] == len(server.workers()) == max(2, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("model", models_with("tcp", lambda model: model.parallel))
def test_killed_worker_is_replaced_and_breaks_only_its_connections(model: str) -> None:
    with start_server(model, "tcp", "echo", "--workers", "2") as server:
        worker = server.workers()[0]
        conns = [connect(server) for _ in range(40)]
        for conn in conns:
            exchange(conn, b"before")
        connections_of_worker = count_connections(worker)
        kill_worker(server, worker)
        broken = 0
        for conn in conns:
            try:
                conn.sendall(b"after")
                reply = conn.recv(100)
            except ConnectionError:
                reply = b""
            broken += reply != b"after"
            conn.close()
        assert broken == connections_of_worker
        assert f"worker {worker.pid} exited with code -9" in server.stderr()
        for _ in range(20):
            assert_serves(server)


@pytest.mark.parametrize("transport", MODELS["asyncio_process_pool"].transports)
def test_killed_computing_worker_is_replaced_without_loss(transport: str) -> None:
    request = make_frame(compute=1_000)
    with start_server("asyncio_process_pool", transport, "work", "--workers", "3") as server:
        with contextlib.closing(connect(server) if transport == "tcp" else make_udp_socket(server)) as client:
            for times in (1, 2):
                client.sendall(request)
                assert client.recv(100) == request
                assert len(server.workers()) == 3
                server.workers()[0].kill()
                wait_until(lambda: len(server.tree()) == 1, "the library has given up all workers")
                client.sendall(request)
                assert client.recv(100) == request
                assert f"a worker exited; all are replaced (so far: {times})" in server.stderr() or times > 1
                assert len(server.workers()) == 3
        if transport == "tcp":  # a worker that kept its copy of the connection would keep the client from its end
            wait_until(lambda: count_connections(psutil.Process(server.pid)) == 0, "the connection is closed")
            assert not [worker for worker in server.workers() if count_connections(worker)]


@pytest.mark.parametrize("model", models_with("udp", lambda model: model.parallel))
def test_killed_worker_is_replaced_and_datagrams_are_answered(model: str) -> None:
    with start_server(model, "udp", "echo", "--workers", "2") as server, make_udp_socket(server) as sock:
        for worker in server.workers():
            kill_worker(server, worker)
            for _ in range(20):
                exchange_datagram(sock, b"still there?")


@pytest.mark.parametrize("model", models_with("tcp", lambda model: model.parallel))
def test_worker_inherits_no_pipes_of_other_workers(model: str) -> None:
    with start_server(model, "tcp", "echo", "--workers", "4") as server:

        def count_pipes() -> list[int]:
            return [len(find_pipes(worker)) for worker in server.workers()]

        wait_until(lambda: len(set(count_pipes())) == 1, "the last worker has as many pipes as the first one")
        kill_worker(server, server.workers()[0])
        wait_until(lambda: len(set(count_pipes())) == 1, "its replacement has as many pipes as the others")


def test_workers_that_exit_at_once_are_replaced_with_a_pause() -> None:
    code = "\n".join(
        (
            "import os, sys, time",
            "from servers import worker_pool",
            "from servers.models import select",
            "worker_pool.RESTART_DELAY_S = 0.1",
            "select.serve_tcp = lambda *_: (print(time.monotonic(), file=sys.stderr, flush=True), os._exit(3))",
        )
    )
    with start_command(make_patched_command(code, "multiprocessing", "--workers", "1")) as server:
        wait_until(lambda: server.stderr().count("exited with code 3") >= 4, "four workers have exited")
        started_s = [float(line) for line in re.findall(r"^[\d.]+$", server.stderr(), re.MULTILINE)]
        assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(started_s))
        os.killpg(server.pid, signal.SIGTERM)


def test_failed_fork_is_reported_once_and_retried() -> None:
    code = "\n".join(
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
    with start_command(make_patched_command(code, "multiprocessing", "--workers", "2")) as server:
        first, second = server.workers()
        kill_worker(server, first)
        main = psutil.Process(server.pid)
        wait_until(lambda: main.num_fds() == 4 + 2 * 2, "it has its streams, its socket, and two pipes for each worker")
        assert not have_exited([second])
        assert server.stderr().count("cannot be started") == 1
        assert "1 of 2 workers cannot be started: Resource temporarily unavailable" in server.stderr()
        assert_serves(server)


def test_udp_peer_thread_ends_when_idle_and_starts_again() -> None:
    code = "from servers.models import thread_per_client\nthread_per_client.IDLE_S = 0.1"
    with start_command(make_patched_command(code, "thread_per_client", "--transport", "udp")) as server:
        socks = [make_udp_socket(server) for _ in range(10)]
        for _ in range(3):
            for sock in socks:
                exchange_datagram(sock, b"here I am")
            wait_until(lambda: count_threads(server) == 1, "only the receiving thread is left")
        for sock in socks:
            sock.close()


def test_udp_peer_thread_ends_at_adios() -> None:
    with start_server("thread_per_client", "udp", "hola") as server, make_udp_socket(server) as sock:
        exchange_datagram(sock, b"hola", b"pues hola")
        assert count_threads(server) == 2
        exchange_datagram(sock, b"adios", b"pues adios")
        wait_until(lambda: count_threads(server) == 1, "only the receiving thread is left")
        exchange_datagram(sock, b"hola", b"pues hola")


def test_no_datagram_is_lost_between_two_threads_of_a_udp_peer() -> None:
    code = "from servers.models import thread_per_client\nthread_per_client.IDLE_S = 0.0001"
    command = make_patched_command(code, "thread_per_client", "--transport", "udp")
    with start_command(command) as server, make_udp_socket(server) as sock:
        for number in range(3_000):
            exchange_datagram(sock, b"%d" % number)


REFUSE_THREADS = """
import _thread
def refuse(*_):
    raise RuntimeError('no more threads')
_thread.start_new_thread = refuse
"""


def test_udp_datagram_is_answered_if_no_thread_can_start() -> None:
    command = make_patched_command(REFUSE_THREADS, "thread_per_client", "--transport", "udp")
    with start_command(command) as server, make_udp_socket(server) as sock:
        for _ in range(3):
            exchange_datagram(sock, b"here I am")
        assert len(server.stderr().splitlines()) == 1


def test_tcp_connection_is_closed_if_no_thread_can_start() -> None:
    with start_command(make_patched_command(REFUSE_THREADS, "thread_per_client")) as server:
        for _ in range(3):
            with connect(server) as conn:
                assert conn.recv(1) == b""
        assert len(server.stderr().splitlines()) == 1


def count_connections(process: psutil.Process) -> int:
    """Count the client connections of a process."""
    return sum(conn.status == psutil.CONN_ESTABLISHED for conn in process.net_connections("tcp"))


def kill_worker(server: Server, worker: psutil.Process) -> None:
    """Kill one worker, and wait until another one replaces it."""
    worker.kill()
    wait_until(
        lambda: (
            worker.pid not in {process.pid for process in server.tree()} and len(server.tree()) == 1 + server["workers"]
        ),
        "there are as many workers as before",
    )


def find_pipes(process: psutil.Process) -> set[str]:
    """Return the pipes that a process has open."""
    links = set()
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed since it was listed
            links.add(str(link.readlink()))
    return {link for link in links if link.startswith("pipe:")}


def count_threads(server: Server) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(psutil.Process(server.pid).num_threads())
    return 0

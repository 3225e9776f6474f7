"""Limits of a model or of the machine: declared, reported, and never a crash."""

import resource
import select
import socket

import pytest

from tests.conformance.cases import models_with
from tests.conformance.families import one_per_loop
from tests.conformance.shortages import LIBRARY_SHORTAGES
from tests.support.servers import Server, start_server
from tests.support.sockets import DEADLINE_S, assert_serves, connect, exchange, read_exactly
from tests.support.waiting import wait_until
from tests.support.work_frames import FRAME, make_frame

REQUEST = b"ask"
SILENT_AT_LIMIT = {"socketserver_forking"}  # the library does not report that all of its processes are busy


@pytest.mark.parametrize("model", [name for name in models_with("tcp") if name not in LIBRARY_SHORTAGES])
def test_clients_beyond_descriptor_limit_are_served_in_turn(model: str) -> None:
    with start_server(model, "tcp", "echo", "--workers", "2", descriptors=64) as server:
        conns = connect_and_send(server, 160)
        one_at_a_time = server.model.max_tcp_clients == 1
        served = wait_until_settled(server, conns, least=1 if one_at_a_time else 40)
        if server.model.forks and server.model.max_tcp_clients is None:
            assert len(served) == len(conns), "each client's process has its own descriptors"
            serve_all_in_turn(conns)
            return
        assert len(served) < len(conns)
        check_still_served(served)
        if not one_at_a_time and model not in SILENT_AT_LIMIT:
            assert "clients wait in the backlog" in server.stderr()
            lines = server.stderr()
            assert all([server.is_idle() for _ in range(5)]), "the server retries without a pause"  # noqa: C419 - 5 times
            assert server.stderr() == lines, "the server reports every retry"
        for conn in served:
            conn.close()
        serve_all_in_turn([conn for conn in conns if conn not in served])
        assert_serves(server)
        wait_until(server.is_idle, "the server is idle")


@pytest.mark.parametrize("model", ["asyncio_reader", "epoll", "epoll_edge", "poll", "select"])
def test_loop_with_timers_retries_when_descriptors_are_free_again(model: str) -> None:
    """In work, the timeout of the loop follows the timers and the pause after a failed accept."""
    with start_server(model, "tcp", "work", descriptors=64) as server:
        conns = connect_and_send(server, 100, FRAME)
        served = wait_until_settled(server, conns, least=40)
        assert len(served) < len(conns)
        assert "clients wait in the backlog" in server.stderr()
        for conn in served:
            assert read_exactly(conn, len(FRAME)) == FRAME
            conn.sendall(make_frame(wait_us=500_000))
        wait_until(server.is_idle, "the server retries with pauses")
        for conn in served:
            assert read_exactly(conn, 24) == make_frame(wait_us=500_000)
            conn.close()
        serve_all_in_turn([conn for conn in conns if conn not in served], FRAME)
        wait_until(server.is_idle, "the server is idle")


@pytest.mark.parametrize("model", [name for name in models_with("tcp") if name in LIBRARY_SHORTAGES])
def test_library_treats_clients_beyond_descriptor_limit_as_described(model: str) -> None:
    shortage = LIBRARY_SHORTAGES[model]
    with start_server(model, "tcp", "echo", "--workers", "2", descriptors=64) as server:
        conns = connect_and_send(server, 160)
        wait_until(lambda: len(find_answered(conns)) >= 40, "40 clients are served")
        wait_until(lambda: shortage.report in server.stderr(), "the library reports the shortage")
        answered = find_answered(conns) if shortage.keeps_clients else wait_until_settled(server, conns, len(conns))
        closed = find_closed(answered)
        served = [conn for conn in answered if conn not in closed]
        assert 20 <= len(served) < len(conns)
        assert (served == answered) == shortage.keeps_clients
        check_still_served(served)
        for conn in served:
            conn.close()
        if shortage.keeps_clients:
            serve_all_in_turn([conn for conn in conns if conn not in served])
        else:  # the next client is closed, too, if it comes before the server has closed these connections
            wait_until(lambda: server.descriptors() < 40, "the server has free descriptors")
            for conn in closed:
                conn.close()
        assert_serves(server)
        wait_until(server.is_idle, "the server is idle")


@pytest.mark.parametrize("model", models_with("tcp", lambda model: model.max_tcp_clients == 1))
def test_model_for_one_client_serves_the_second_one_next(model: str) -> None:
    with start_server(model, "tcp") as server, connect(server) as earlier:
        earlier.close()
        with connect(server) as first:
            exchange(first, b"first")
            with connect(server) as second:
                second.sendall(b"second")
                for _ in range(10):
                    exchange(first, b"first again")
                assert not find_answered([second])
                first.close()
                assert read_exactly(second, 6) == b"second"


@pytest.fixture
def _many_descriptors() -> None:
    """Raise the limit of the tests' own process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4_096:
        pytest.skip(f"the clients need 4096 descriptors; the hard limit here is {hard}")
    if soft < 4_096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4_096, hard))


@pytest.mark.usefixtures("_many_descriptors")
@pytest.mark.parametrize("model", models_with("tcp", lambda model: (model.max_tcp_clients or 0) > 1))
def test_declared_client_limit_is_reached_and_others_are_served_in_turn(model: str) -> None:
    with start_server(model, "tcp", "echo", "--workers", "2", descriptors=4_096) as server:
        assert server.model.max_tcp_clients is not None
        declared = server.model.max_tcp_clients * server["workers"]
        conns = connect_and_send(server, declared + 100)
        served = wait_until_settled(server, conns, least=declared)
        assert len(served) < len(conns), "the server has no limit, although the model declares one"
        if model not in SILENT_AT_LIMIT:
            assert "clients wait in the backlog" in server.stderr()
        waiting = [conn for conn in conns if conn not in served]
        for conn in served[:30]:  # waiting clients take these places, and the server is full again
            conn.close()
        wait_until_settled(server, waiting, least=min(30, len(waiting)))
        for conn in served[30:]:
            assert read_exactly(conn, len(REQUEST)) == REQUEST
            exchange(conn, b"accepted clients are served")
            conn.close()
        serve_all_in_turn(waiting)
        assert "Traceback" not in server.stderr()
        assert "exited" not in server.stderr(), "a worker crashed"
        assert_serves(server)


UNLIMITED = set(models_with("tcp", lambda model: model.max_tcp_clients is None and model.own_backlog is None))


@pytest.mark.usefixtures("_many_descriptors")
@pytest.mark.parametrize("model", sorted(UNLIMITED.intersection(one_per_loop("tcp"))))
def test_model_without_limit_serves_more_clients_than_select_could(model: str) -> None:
    with start_server(model, "tcp", descriptors=4_096) as server:
        conns = connect_and_send(server, 1_100)
        assert len(wait_until_settled(server, conns, least=1_100)) == 1_100
        serve_all_in_turn(conns)


def connect_and_send(server: Server, clients: int, request: bytes = REQUEST) -> list[socket.socket]:
    """Open connections and send a request on each.

    Does not wait until the server accepts them. Opens fewer where the backlog is a library's own: once that is full,
    the kernel refuses further clients.
    """
    conns = []
    for _ in range(clients):
        conn = connect(server) if server.model.own_backlog is None else connect_unless_full(server)
        if conn is None:
            break
        conn.sendall(request)
        conns.append(conn)
    return conns


def connect_unless_full(server: Server) -> socket.socket | None:
    """Open a connection unless the backlog stays full.

    The kernel retries after 1 s, so the second try is longer than that.
    """
    for timeout_s in (0.2, 2.5):
        try:
            conn = socket.create_connection(server.address, timeout=timeout_s)
        except TimeoutError:
            continue
        conn.settimeout(DEADLINE_S)
        return conn
    return None


def find_answered(conns: list[socket.socket]) -> list[socket.socket]:
    """Return the connections on which a reply has arrived."""
    poller = select.poll()
    by_descriptor = {conn.fileno(): conn for conn in conns}
    for descriptor in by_descriptor:
        poller.register(descriptor, select.POLLIN)
    return [by_descriptor[descriptor] for descriptor, _ in poller.poll(0)]


def find_closed(conns: list[socket.socket]) -> list[socket.socket]:
    """Return the connections that the server has closed or reset before any reply."""
    closed = []
    for conn in conns:
        try:
            first = conn.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            first = b""
        if not first:
            closed.append(conn)
    return closed


def check_still_served(conns: list[socket.socket]) -> None:
    """Check that accepted clients got their reply, and get another one."""
    for conn in conns:
        assert read_exactly(conn, len(REQUEST)) == REQUEST
        exchange(conn, b"accepted clients are served")


def wait_until_settled(server: Server, conns: list[socket.socket], least: int) -> list[socket.socket]:
    """Wait for at least that many replies and an idle server; return the answered."""
    wait_until(lambda: len(find_answered(conns)) >= least and server.is_idle(), f"{least} clients are served")
    return find_answered(conns)


def serve_all_in_turn(conns: list[socket.socket], request: bytes = REQUEST) -> None:
    """Close answered connections until all are served.

    Waiting clients get the places that become free.
    """
    waiting = list(conns)
    while waiting:
        wait_until(lambda: find_answered(waiting), f"one more of {len(waiting)} clients is served")
        for conn in find_answered(waiting):
            assert read_exactly(conn, len(request)) == request
            conn.close()
            waiting.remove(conn)

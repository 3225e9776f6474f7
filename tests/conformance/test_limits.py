"""Limits of an architecture by its nature, and of the machine: declared, reported, and never a crash."""

import resource
import select
import socket

import pytest

from tests.conformance.cases import ARMS, MODELS, models
from tests.support.servers import Server, make_command, start_command
from tests.support.sockets import assert_serves, connect, exchange, read_exactly
from tests.support.waiting import DEADLINE_S, wait_until


def connect_and_ask(server: Server, clients: int) -> list[socket.socket]:
    """Open so many connections; each asks at once, whether it is served yet or waits in the backlog.

    Fewer where the backlog is a library's own: once it is full, the kernel lets nobody in.
    """
    conns = []
    for _ in range(clients):
        conn = connect(server) if server.model.own_backlog is None else connect_soon(server)
        if conn is None:
            break
        conn.sendall(b"ask")
        conns.append(conn)
    return conns


def connect_soon(server: Server) -> socket.socket | None:
    """Open a connection unless the backlog stays full for a moment. Two tries: the kernel's next one is in a second."""
    for timeout_s in (0.2, 2.5):
        try:
            conn = socket.create_connection(server.address, timeout=timeout_s)
        except TimeoutError:
            continue
        conn.settimeout(DEADLINE_S)
        return conn
    return None


def answered(conns: list[socket.socket]) -> list[socket.socket]:
    """List those that have a reply."""
    poller = select.poll()
    by_descriptor = {conn.fileno(): conn for conn in conns}
    for descriptor in by_descriptor:
        poller.register(descriptor, select.POLLIN)
    return [by_descriptor[descriptor] for descriptor, _ in poller.poll(0)]


def settle(server: Server, conns: list[socket.socket], least: int) -> list[socket.socket]:
    """Wait until at least so many have a reply and nothing more happens; return those."""
    wait_until(lambda: len(answered(conns)) >= least and server.is_idle(), f"{least} clients are served")
    return answered(conns)


def serve_all_in_turn(conns: list[socket.socket]) -> None:
    """Close each one that is answered until all have been: those that wait get the places that become free."""
    waiting = list(conns)
    while waiting:
        wait_until(lambda: answered(waiting), f"one more of {len(waiting)} clients is served")
        for conn in answered(waiting):
            assert read_exactly(conn, 3) == b"ask"
            conn.close()
            waiting.remove(conn)


@pytest.fixture
def many_descriptors() -> None:
    """Let this side have as many as the tests need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4_096:
        pytest.skip(f"needs 4096 descriptors on the side of the clients; the hard limit here is {hard}")
    if soft < 4_096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4_096, hard))


@pytest.mark.parametrize("model", models("tcp"))
def test_more_connections_than_descriptors_are_served_in_turn(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--workers", "2"), descriptors=64) as server:
        conns = connect_and_ask(server, 160)
        one_at_a_time = server.model.max_tcp_clients == 1
        served = settle(server, conns, least=1 if one_at_a_time else 40)
        if server.model.forks and server.model.max_tcp_clients is None:
            assert len(served) == len(conns), "each client's process has descriptors of its own"
            serve_all_in_turn(conns)
            return
        assert len(served) < len(conns)
        for conn in served:
            assert read_exactly(conn, 3) == b"ask"
            exchange(conn, b"it serves those that it has")
        if not one_at_a_time:
            assert "clients wait in the backlog" in server.stderr()
            lines = server.stderr()
            assert all([server.is_idle() for _ in range(5)]), "it tries again without a pause"  # noqa: C419  # every time
            assert server.stderr() == lines, "a line for every try"
        for conn in served:
            conn.close()
        serve_all_in_turn([conn for conn in conns if conn not in served])
        assert_serves(server)
        wait_until(server.is_idle, "the server rests")


@pytest.mark.parametrize("model", models("tcp", lambda model: model.max_tcp_clients == 1))
def test_a_model_for_one_client_lets_the_second_wait_and_serves_it_next(model: str) -> None:
    with start_command(make_command(model, "tcp")) as server, connect(server) as second_to_be:
        second_to_be.close()
        with connect(server) as first:
            exchange(first, b"first")
            with connect(server) as second:
                second.sendall(b"second")
                for _ in range(10):
                    exchange(first, b"first again")
                assert not answered([second])
                first.close()
                assert read_exactly(second, 6) == b"second"


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("model", models("tcp", lambda model: (model.max_tcp_clients or 0) > 1))
def test_a_model_with_a_limit_serves_as_many_as_it_declares_and_the_others_in_turn(model: str) -> None:
    with start_command(make_command(model, "tcp", "echo", "--workers", "2"), descriptors=4_096) as server:
        assert server.model.max_tcp_clients is not None
        declared = server.model.max_tcp_clients * server.ready["workers"]
        conns = connect_and_ask(server, declared + 100)
        served = settle(server, conns, least=declared)
        assert len(served) < len(conns), "it serves more than it declares: there is no limit"
        assert "clients wait in the backlog" in server.stderr()
        waiting = [conn for conn in conns if conn not in served]
        for conn in served[:30]:  # a few places become free, and are taken at once: it is full again
            conn.close()
        settle(server, waiting, least=min(30, len(waiting)))
        for conn in served[30:]:
            assert read_exactly(conn, 3) == b"ask"
            exchange(conn, b"it serves those that it has")
            conn.close()
        serve_all_in_turn(waiting)
        assert "Traceback" not in server.stderr()
        assert "exited" not in server.stderr(), "a worker crashed"
        assert_serves(server)


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize(
    "model", models("tcp", lambda model: model.max_tcp_clients is None and model.own_backlog is None)
)
def test_a_model_without_a_limit_serves_more_than_select_could(model: str) -> None:
    with start_command(make_command(model, "tcp"), descriptors=4_096) as server:
        conns = connect_and_ask(server, 1_100)
        assert len(settle(server, conns, least=1_100)) == 1_100
        serve_all_in_turn(conns)


@pytest.mark.parametrize(("model", "transport"), ARMS)
def test_an_idle_server_rests(model: str, transport: str) -> None:
    with start_command(make_command(model, transport)) as server:
        assert_serves(server)
        if transport == "tcp" and MODELS[model].max_tcp_clients != 1:
            conns = [connect(server) for _ in range(20)]
            for conn in conns:
                exchange(conn, b"here I am")
            wait_until(server.is_idle, "it rests, with clients that say nothing")
            for conn in conns:
                conn.close()
        wait_until(server.is_idle, "it rests")

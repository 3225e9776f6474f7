"""Echo over TCP: order, many clients, ends of connections, slow readers."""

import errno
import os
import select
import socket

import pytest

from tests.conformance.cases import by_shared_server
from tests.conformance.checks import check_fresh_server
from tests.conformance.families import one_per_conversation
from tests.support.servers import Server
from tests.support.sockets import assert_serves, connect, exchange, read_exactly, read_to_end, reset, start_writer
from tests.support.waiting import wait_until

every_model = by_shared_server("tcp", "echo")
every_conversation = by_shared_server("tcp", "echo", one_per_conversation("tcp"))

MIB = 1 << 20
MAX_UNREAD_BYTES = 64 * MIB  # anyio reads without limit from some clients; without this its server took all memory
NO_PROGRESS_S = 0.3  # a server that has taken nothing for so long has stopped reading


@every_model
def test_tcp_echo_ready_line_describes_server(server: Server) -> None:
    check_fresh_server(server)


@every_model
def test_tcp_echo_returns_the_same_bytes(server: Server) -> None:
    with connect(server) as conn:
        for message in (b"x", b"\0\xff\r\n", b"hola", os.urandom(1_000), os.urandom(100_000)):
            exchange(conn, message)


@every_model
def test_tcp_echo_serves_50_clients_at_once(server: Server) -> None:
    skip_beyond_limit(server, 50)
    conns = []
    for _ in range(50):
        conns.append(connect(server))
        exchange(conns[-1], b"first")  # accepted now, so that a short backlog does not fill up
    for _ in range(3):
        for number, conn in enumerate(conns):
            conn.sendall(b"%d" % (1_000 + number))
        for number, conn in reversed(list(enumerate(conns))):
            assert read_exactly(conn, 4) == b"%d" % (1_000 + number)
    for conn in conns:
        conn.close()


@every_model
def test_tcp_echo_silent_client_does_not_block_others(server: Server) -> None:
    skip_beyond_limit(server, 2)
    with connect(server) as silent:
        for _ in range(3):
            assert_serves(server)
        exchange(silent, b"no longer silent")


@every_model
def test_tcp_echo_returns_message_sent_byte_by_byte(server: Server) -> None:
    with connect(server) as conn:
        for number in range(100):
            conn.sendall(bytes([number]))
        assert read_exactly(conn, 100) == bytes(range(100))


@every_model
def test_tcp_echo_keeps_order_within_one_segment(server: Server) -> None:
    with connect(server) as conn:
        exchange(conn, b"".join(b"message %d\n" % number for number in range(1_000)))


@every_model
def test_tcp_echo_returns_8_mib_through_partial_writes(server: Server) -> None:
    message = os.urandom(MIB) * 8
    with connect(server) as conn:
        writer = start_writer(conn, message)
        received = read_to_end(conn)
        writer.join()
    assert len(received) == len(message)
    assert received == message


@every_model
def test_tcp_echo_after_half_close_sends_the_rest_then_closes(server: Server) -> None:
    message = os.urandom(200_000)
    with connect(server) as conn:
        writer = start_writer(conn, message)
        assert read_to_end(conn) == message
        writer.join()


@every_model
def test_tcp_echo_after_half_close_without_data_closes(server: Server) -> None:
    with connect(server) as conn:
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == b""


@every_conversation
def test_tcp_echo_client_that_reads_late_is_held_back_without_loss(server: Server) -> None:
    message = os.urandom(MIB) * 64
    with connect(server) as conn:
        exchange(conn, b"first")
        before = server.rss_bytes()
        conn.setblocking(False)
        sent = 0
        while sent < len(message) and select.select([], [conn], [], NO_PROGRESS_S)[1]:
            sent += conn.send(message[sent : sent + MIB // 4])
        assert server.rss_bytes() - before < 16 * MIB, "replies that the client does not read pile up in the server"
        if server.model.max_tcp_clients != 1:
            assert_serves(server)
        conn.settimeout(20)
        writer = start_writer(conn, message[sent:])
        received = read_to_end(conn)
        writer.join()
    assert received == message


@every_model
def test_tcp_echo_serves_on_after_resets(server: Server) -> None:
    idle = connect(server)
    exchange(idle, b"hello")
    reset(idle)
    with_unread_replies = connect(server)
    with_unread_replies.setblocking(False)
    sent = 0
    while sent < MAX_UNREAD_BYTES and select.select([], [with_unread_replies], [], 0.1)[1]:
        sent += with_unread_replies.send(bytes(MIB // 4))
    reset(with_unread_replies)
    reset(connect(server))  # perhaps before the server has accepted it
    assert_serves(server)


@every_model
def test_tcp_echo_closed_clients_leave_no_descriptors(server: Server) -> None:
    assert_serves(server)
    wait_until(server.is_idle, "the server is idle")
    before = server.descriptors()
    for number in range(20):
        conn = connect(server)
        exchange(conn, b"hello")
        if number % 2:
            reset(conn)
        else:
            conn.close()
    wait_until(lambda: server.descriptors() <= before, f"the server has {before} descriptors again")
    wait_until(server.is_idle, "the server is idle again")


@every_model
def test_tcp_echo_serves_500_clients_that_connect_at_once(server: Server) -> None:
    poller, conns = select.poll(), {}
    for _ in range(500):
        conn = socket.socket()
        conn.setblocking(False)
        assert conn.connect_ex(server.address) in (0, errno.EINPROGRESS)
        conns[conn.fileno()] = conn
        poller.register(conn, select.POLLOUT)
    served = 0
    while served < len(conns):
        ready = poller.poll(20_000)  # while the backlog is full, the kernel of a client tries again after 1, 2, 4 s
        assert ready, f"{served} of {len(conns)} clients were served, then nothing happened"
        for descriptor, event in ready:
            conn = conns[descriptor]
            if event & select.POLLOUT:  # connected. Each client half-closes: a model for one client reaches all of them
                conn.setblocking(True)
                conn.sendall(b"client %d" % descriptor)
                conn.shutdown(socket.SHUT_WR)
                poller.modify(conn, select.POLLIN)
            else:
                try:
                    assert read_to_end(conn) == b"client %d" % descriptor
                except ConnectionResetError:  # by the kernel, which forgot the client while the backlog was full
                    assert server.model.own_backlog is not None
                poller.unregister(conn)
                conn.close()
                served += 1
    assert_serves(server)


def skip_beyond_limit(server: Server, clients: int) -> None:
    """Skip the test if the model declares that it serves fewer clients at a time."""
    limit = server.model.max_tcp_clients
    if limit is not None and clients > limit:
        pytest.skip(f"{server.model.name} declares that it serves {limit} TCP client at a time")

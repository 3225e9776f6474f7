import errno
import os
import select
import socket
import threading

import pytest

from tests.support.servers import Server
from tests.support.sockets import assert_serves, connect, exchange, read_exactly, read_to_end, reset
from tests.support.waiting import wait_until


def at_once(server: Server, clients: int) -> None:
    """Skip where the model cannot serve so many at the same time, by its nature."""
    limit = server.model.max_tcp_clients
    if limit is not None and clients > limit:
        pytest.skip(f"{server.model.name} serves {limit} TCP client at a time, as it declares")


def write_to_end(conn: socket.socket, message: bytes) -> threading.Thread:
    """Write it all and end this side, while the caller reads."""

    def write() -> None:
        conn.sendall(message)
        conn.shutdown(socket.SHUT_WR)

    writer = threading.Thread(target=write)
    writer.start()
    return writer


def test_a_client_gets_back_what_it_sends(tcp_echo: Server) -> None:
    with connect(tcp_echo) as conn:
        for message in (b"x", b"\0\xff\r\n", b"hola", os.urandom(1_000), os.urandom(100_000)):
            exchange(conn, message)


def test_many_clients_are_served_at_once(tcp_echo: Server) -> None:
    at_once(tcp_echo, 50)
    conns = [connect(tcp_echo) for _ in range(50)]
    for _ in range(3):
        for number, conn in enumerate(conns):
            conn.sendall(b"%d" % (1_000 + number))
        for number, conn in reversed(list(enumerate(conns))):
            assert read_exactly(conn, 4) == b"%d" % (1_000 + number)
    for conn in conns:
        conn.close()


def test_a_silent_client_does_not_keep_the_others_waiting(tcp_echo: Server) -> None:
    at_once(tcp_echo, 2)
    with connect(tcp_echo) as silent:
        for _ in range(3):
            assert_serves(tcp_echo)
        exchange(silent, b"now I speak")


def test_a_message_that_is_split_into_single_bytes_comes_back(tcp_echo: Server) -> None:
    with connect(tcp_echo) as conn:
        for number in range(100):
            conn.sendall(bytes([number]))
        assert read_exactly(conn, 100) == bytes(range(100))


def test_several_messages_in_one_segment_come_back_in_order(tcp_echo: Server) -> None:
    with connect(tcp_echo) as conn:
        exchange(conn, b"".join(b"message %d\n" % number for number in range(1_000)))


def test_eight_mebibytes_come_back_through_partial_writes(tcp_echo: Server) -> None:
    message = os.urandom(1 << 20) * 8
    with connect(tcp_echo) as conn:
        writer = write_to_end(conn, message)
        received = read_to_end(conn)
        writer.join()
    assert len(received) == len(message)
    assert received == message


def test_a_client_that_ends_its_side_gets_the_rest_and_then_the_end(tcp_echo: Server) -> None:
    message = os.urandom(200_000)
    with connect(tcp_echo) as conn:
        writer = write_to_end(conn, message)
        assert read_to_end(conn) == message
        writer.join()


def test_a_client_that_says_nothing_and_ends_its_side_is_closed(tcp_echo: Server) -> None:
    with connect(tcp_echo) as conn:
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == b""


def test_a_client_that_writes_much_and_reads_late_is_held_back_and_loses_nothing(tcp_echo: Server) -> None:
    message = os.urandom(1 << 20) * 64
    others = tcp_echo.model.max_tcp_clients != 1
    with connect(tcp_echo) as conn:
        exchange(conn, b"first")
        before = tcp_echo.rss_bytes()
        conn.setblocking(False)
        sent = 0
        while sent < len(message) and select.select([], [conn], [], 0.3)[1]:  # 0.3 s of no progress: it is held back
            sent += conn.send(message[sent : sent + (1 << 18)])
        assert tcp_echo.rss_bytes() - before < 16 << 20, "what the client does not read piles up in the server"
        if others:
            assert_serves(tcp_echo)
        conn.settimeout(20)
        writer = write_to_end(conn, message[sent:])
        received = read_to_end(conn)
        writer.join()
    assert received == message


def test_a_client_that_resets_does_not_stop_the_server(tcp_echo: Server) -> None:
    conn = connect(tcp_echo)
    exchange(conn, b"hello")
    reset(conn)
    conn = connect(tcp_echo)  # and one with replies on their way that it has not read
    conn.setblocking(False)
    while select.select([], [conn], [], 0.1)[1]:
        conn.send(bytes(1 << 18))
    reset(conn)
    conn = connect(tcp_echo)  # and one that has gone before it was accepted, perhaps
    reset(conn)
    assert_serves(tcp_echo)


def test_clients_that_left_leave_nothing_behind(tcp_echo: Server) -> None:
    assert_serves(tcp_echo)
    wait_until(tcp_echo.is_idle, "the server rests")
    before = tcp_echo.descriptors()
    for number in range(20):
        conn = connect(tcp_echo)
        exchange(conn, b"hello")
        if number % 2:
            reset(conn)
        else:
            conn.close()
    wait_until(lambda: tcp_echo.descriptors() <= before, f"there are {before} descriptors again")
    wait_until(tcp_echo.is_idle, "the server rests")


def test_five_hundred_clients_that_connect_at_once_are_all_served(tcp_echo: Server) -> None:
    poller, conns = select.poll(), {}
    for _ in range(500):
        conn = socket.socket()
        conn.setblocking(False)
        assert conn.connect_ex(tcp_echo.address) in (0, errno.EINPROGRESS)
        conns[conn.fileno()] = conn
        poller.register(conn, select.POLLOUT)
    served = 0
    while served < len(conns):
        ready = poller.poll(20_000)  # a short backlog makes the kernel of a client try again after 1, 2, 4 s
        assert ready, f"{served} of {len(conns)} clients were served, then nothing happened any more"
        for descriptor, event in ready:
            conn = conns[descriptor]
            if event & select.POLLOUT:  # it stands. Each ends its side, so a model for one at a time comes to all
                conn.setblocking(True)
                conn.sendall(b"client %d" % descriptor)
                conn.shutdown(socket.SHUT_WR)
                poller.modify(conn, select.POLLIN)
            else:
                try:
                    assert read_to_end(conn) == b"client %d" % descriptor
                except ConnectionResetError:  # by the kernel, which has forgotten it while the backlog was full
                    assert tcp_echo.model.own_backlog is not None
                poller.unregister(conn)
                conn.close()
                served += 1
    assert_serves(tcp_echo)

import contextlib
import select
import socket

import pytest

from tests.conformance.cases import models
from tests.support.servers import Server, make_patched_command, start_command
from tests.support.sockets import assert_serves, connect, exchange, read_to_end, reset
from tests.support.waiting import wait_until


def test_hola_is_answered_as_often_as_it_is_said(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        for _ in range(10):
            exchange(conn, b"hola", b"pues hola")


def test_adios_is_answered_and_closes(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        exchange(conn, b"hola", b"pues hola")
        conn.sendall(b"adios")
        assert read_to_end(conn) == b"pues adios"


def test_what_follows_adios_is_not_answered(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        conn.sendall(b"adioshola")
        assert read_to_end(conn) == b"pues adios"


def test_requests_that_are_split_into_single_bytes_are_answered(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        for byte in b"holahola\nadios":
            conn.sendall(bytes([byte]))
        assert read_to_end(conn) == b"pues holapues holapues adios"


def test_a_request_in_two_parts_is_answered_once_it_is_whole(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        exchange(conn, b"holaho", b"pues hola")
        exchange(conn, b"la", b"pues hola")


def test_several_requests_in_one_segment_are_answered_in_order(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        conn.sendall(b"hola" * 1_000 + b"adios")
        assert read_to_end(conn) == b"pues hola" * 1_000 + b"pues adios"


def test_white_space_between_requests_is_skipped(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        exchange(conn, b" \t\r\nhola\r\n", b"pues hola")
        exchange(conn, b"\nhola \r\n\t hola", b"pues holapues hola")
        conn.sendall(b"   adios\n")
        assert read_to_end(conn) == b"pues adios"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"buenos dias", b"no entiendo"),
        (b"x", b"no entiendo"),
        (b"HOLA", b"no entiendo"),
        (b"ho la", b"no entiendo"),
        (b"holx", b"no entiendo"),
        (b"\0", b"no entiendo"),
        (b"hola hola x hola", b"pues holapues holano entiendo"),
    ],
)
def test_unknown_words_are_not_understood_and_close(tcp_hola: Server, said: bytes, answer: bytes) -> None:
    with connect(tcp_hola) as conn:
        conn.sendall(said)
        assert read_to_end(conn) == answer


def test_a_client_that_talks_on_and_on_still_gets_the_answer(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        with contextlib.suppress(ConnectionError):  # the server does not wait for what it does not read
            conn.sendall(b"blah" * (1 << 18))
        assert conn.recv(100) == b"no entiendo"
    assert_serves(tcp_hola)


def test_a_half_request_and_the_end_get_no_answer(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        conn.sendall(b"holaadi")
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == b"pues hola"


def test_a_client_that_leaves_without_adios_frees_what_it_had(tcp_hola: Server) -> None:
    assert_serves(tcp_hola)
    wait_until(tcp_hola.is_idle, "the server rests")
    before = tcp_hola.descriptors()
    for leave in (socket.socket.close, reset) * 5:
        conn = connect(tcp_hola)
        exchange(conn, b"hola", b"pues hola")
        leave(conn)
    wait_until(lambda: tcp_hola.descriptors() <= before, f"there are {before} descriptors again")
    wait_until(tcp_hola.is_idle, "the server rests: it does not read the end of a connection again and again")


def test_requests_without_end_that_nobody_reads_are_held_back(tcp_hola: Server) -> None:
    with connect(tcp_hola) as conn:
        exchange(conn, b"hola", b"pues hola")
        before = tcp_hola.rss_bytes()
        conn.setblocking(False)
        requests = b"hola" * (1 << 16)
        sent = 0
        while sent < 64 << 20 and select.select([], [conn], [], 0.3)[1]:
            sent += conn.send(requests[sent % 4 :])
        assert sent < 64 << 20
        assert tcp_hola.rss_bytes() - before < 16 << 20
    assert_serves(tcp_hola)


SMALL_BUFFERS = """
import socket
from servers import sockets
bind = sockets.bind_tcp
def bind_with_small_buffers(*where, **how):
    listener = bind(*where, **how)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return listener
sockets.bind_tcp = bind_with_small_buffers
"""


@pytest.mark.parametrize("model", models("tcp"))
def test_replies_that_go_out_in_parts_all_come_before_the_end(model: str) -> None:
    said, answer = b"hola" * 10_000 + b"adios", b"pues hola" * 10_000 + b"pues adios"
    with (
        start_command(make_patched_command(SMALL_BUFFERS, model, "--protocol", "hola")) as server,
        connect(server) as conn,
    ):
        conn.sendall(said)  # the server takes it in one piece, and the kernel takes no answer in one piece from it
        assert read_to_end(conn) == answer


def test_many_sessions_follow_each_other(tcp_hola: Server) -> None:
    for _ in range(100):
        with connect(tcp_hola) as conn:
            conn.sendall(b"holaholaadios")
            assert read_to_end(conn) == b"pues holapues holapues adios"

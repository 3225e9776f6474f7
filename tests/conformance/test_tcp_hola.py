"""The hola protocol over TCP: split, joined, unknown and unfinished requests."""

import contextlib
import select
import socket

import pytest

from clients.talk import talk
from tests.conformance.cases import by_shared_server, models_with
from tests.conformance.checks import check_fresh_server
from tests.conformance.families import one_per_conversation
from tests.conformance.netcat import NETCAT, converse, start_netcat
from tests.support.servers import Server, make_patched_command, start_command
from tests.support.sockets import assert_serves, connect, exchange, read_exactly, read_to_end, reset
from tests.support.waiting import wait_until

every_model = by_shared_server("tcp", "hola")
every_conversation = by_shared_server("tcp", "hola", one_per_conversation("tcp"))

MIB = 1 << 20


@every_model
def test_tcp_hola_ready_line_describes_server(server: Server) -> None:
    check_fresh_server(server)


@every_model
def test_tcp_hola_answers_every_hola(server: Server) -> None:
    with connect(server) as conn:
        for _ in range(10):
            exchange(conn, b"hola", b"pues hola")


@every_model
def test_tcp_hola_answers_adios_and_closes(server: Server) -> None:
    with connect(server) as conn:
        exchange(conn, b"hola", b"pues hola")
        conn.sendall(b"adios")
        assert read_to_end(conn) == b"pues adios"


@every_model
def test_tcp_hola_ignores_requests_after_adios(server: Server) -> None:
    with connect(server) as conn:
        conn.sendall(b"adioshola")
        assert read_to_end(conn) == b"pues adios"


@every_model
def test_tcp_hola_answers_requests_sent_byte_by_byte(server: Server) -> None:
    with connect(server) as conn:
        for byte in b"holahola\nadios":
            conn.sendall(bytes([byte]))
        assert read_to_end(conn) == b"pues holapues holapues adios"


@every_model
def test_tcp_hola_answers_split_request_once_complete(server: Server) -> None:
    with connect(server) as conn:
        exchange(conn, b"holaho", b"pues hola")
        exchange(conn, b"la", b"pues hola")


@every_model
def test_tcp_hola_answers_requests_of_one_segment_in_order(server: Server) -> None:
    with connect(server) as conn:
        conn.sendall(b"hola" * 1_000 + b"adios")
        assert read_to_end(conn) == b"pues hola" * 1_000 + b"pues adios"


@every_model
def test_tcp_hola_skips_white_space_between_requests(server: Server) -> None:
    with connect(server) as conn:
        exchange(conn, b" \t\r\nhola\r\n", b"pues hola")
        exchange(conn, b"\nhola \r\n\t hola", b"pues holapues hola")
        conn.sendall(b"   adios\n")
        assert read_to_end(conn) == b"pues adios"


@every_model
@pytest.mark.parametrize(
    ("request_bytes", "reply"),
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
def test_tcp_hola_rejects_unknown_request_and_closes(server: Server, request_bytes: bytes, reply: bytes) -> None:
    with connect(server) as conn:
        conn.sendall(request_bytes)
        assert read_to_end(conn) == reply


@every_model
def test_tcp_hola_rejects_endless_request(server: Server) -> None:
    with connect(server) as conn:
        with contextlib.suppress(ConnectionError):  # the server closes without reading the rest
            conn.sendall(b"blah" * (1 << 18))
        assert conn.recv(100) == b"no entiendo"
    assert_serves(server)


@every_model
def test_tcp_hola_half_close_leaves_unfinished_request_unanswered(server: Server) -> None:
    with connect(server) as conn:
        conn.sendall(b"holaadi")
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == b"pues hola"


@every_conversation
def test_tcp_hola_clients_without_adios_leave_no_descriptors(server: Server) -> None:
    assert_serves(server)
    wait_until(server.is_idle, "the server is idle")
    before = server.descriptors()
    for leave in (socket.socket.close, reset) * 5:
        conn = connect(server)
        exchange(conn, b"hola", b"pues hola")
        leave(conn)
    wait_until(lambda: server.descriptors() <= before, f"the server has {before} descriptors again")
    wait_until(server.is_idle, "the server is idle: it does not read the end of a connection again and again")


@every_conversation
def test_tcp_hola_client_that_never_reads_is_held_back(server: Server) -> None:
    with connect(server) as conn:
        exchange(conn, b"hola", b"pues hola")
        before = server.rss_bytes()
        conn.setblocking(False)
        requests = b"hola" * (1 << 16)
        sent = 0
        while sent < 64 * MIB and select.select([], [conn], [], 0.3)[1]:
            sent += conn.send(requests[sent % 4 :])
        assert sent < 64 * MIB
        assert server.rss_bytes() - before < 16 * MIB
    assert_serves(server)


SMALL_BUFFERS = """
import socket
from servers import sockets
bind = sockets.bind_tcp
def bind_with_small_buffers(*arguments, **options):
    listener = bind(*arguments, **options)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return listener
sockets.bind_tcp = bind_with_small_buffers
"""


@pytest.mark.parametrize("model", models_with("tcp"))
def test_tcp_hola_sends_replies_in_parts_and_all_before_the_end(model: str) -> None:
    """Test partial writes of each model, as each watches for room in its own way."""
    requests, replies = b"hola" * 10_000, b"pues hola" * 10_000
    command = make_patched_command(SMALL_BUFFERS, model, "--protocol", "hola")
    with start_command(command) as server, connect(server) as conn:
        conn.sendall(requests)  # the server reads it at once, but can write its replies only in parts
        assert read_exactly(conn, 1_000) == replies[:1_000]
        conn.sendall(requests + b"adios")  # readable while the server waits for room to write
        assert read_to_end(conn) == replies[1_000:] + replies + b"pues adios"


@every_model
def test_tcp_hola_serves_100_sessions_in_sequence(server: Server) -> None:
    for _ in range(100):
        with connect(server) as conn:
            conn.sendall(b"holaholaadios")
            assert read_to_end(conn) == b"pues holapues holapues adios"


@every_model
def test_tcp_hola_answers_the_talk_command(server: Server) -> None:
    assert list(talk(*server.address, "tcp", wait_s=0)) == ["pues hola", "pues adios"]


@pytest.mark.skipif(NETCAT is None, reason="no nc on the path")
@every_model
def test_tcp_hola_answers_netcat_and_closes(server: Server) -> None:
    with start_netcat(server) as process:
        converse(process)
        assert process.stdin is not None
        process.stdin.close()  # netcat exits only after the end of its input
        assert process.stdout is not None
        assert process.stdout.read() == b""

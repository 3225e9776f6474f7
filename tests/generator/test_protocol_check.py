"""The protocol check against correct and faulty servers."""

import select
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from clients.load_spec import LoadSpec
from clients.protocol_check import ProtocolError, find_server, verify
from tests.support.scripted_servers import HOST, echo, start_tcp_server, start_udp_server
from tests.support.servers import start_server as server

pytestmark = pytest.mark.serial

MESSAGE = b"sixteen bytes, x"
TIMEOUT_S = 0.2
Converse = Callable[[socket.socket, int], None]


def make_spec(port: int, transport: str = "tcp", **changes: Any) -> LoadSpec:
    return LoadSpec(transport, HOST, port, **{"timeout_s": TIMEOUT_S, **changes})


@pytest.mark.parametrize("model", ["select", "thread_per_client"])
def test_verify_accepts_a_message_larger_than_all_buffers(model: str) -> None:
    with server(model) as ready:
        verify(make_spec(ready["port"], timeout_s=10.0), bytes(range(256)) * (16 << 12), concurrent_clients=2)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("protocol", ["echo", "hola"])
@pytest.mark.parametrize("lifecycle", ["persistent", "session", "per_request"])
def test_verify_accepts_a_model_under_every_load(transport: str, protocol: str, lifecycle: str) -> None:
    with server("select", transport, protocol) as ready:
        verify(make_spec(ready["port"], transport, protocol=protocol, lifecycle=lifecycle, timeout_s=10.0), MESSAGE, 2)


def test_verify_times_out_on_a_server_that_never_reads() -> None:
    expected = r"did not answer echo within 0\.1 s; it does not read the whole message"
    with socket.create_server((HOST, 0)) as listener, pytest.raises(ProtocolError, match=expected):
        verify(make_spec(listener.getsockname()[1], timeout_s=0.1), bytes(16 << 20))


def test_verify_detects_a_changed_large_message() -> None:
    def change_the_last(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(data.replace(b"z", b"?"))

    expected = f"expected the same bytes; the first difference is at byte {(4 << 20) - 1}"
    with start_tcp_server(change_the_last) as port, pytest.raises(ProtocolError, match=expected):
        verify(make_spec(port, timeout_s=10.0), bytes((4 << 20) - 1) + b"z")


def test_verify_detects_a_close_inside_a_large_message() -> None:
    def leave(conn: socket.socket, _number: int) -> None:
        conn.sendall(conn.recv(65536))

    with start_tcp_server(leave) as port, pytest.raises(ProtocolError, match="the connection inside its reply to"):
        verify(make_spec(port, timeout_s=10.0), bytes(16 << 20))


def test_verify_limits_the_time_of_a_whole_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.protocol_check._MIN_WHOLE_S", 0.0)

    def drip(conn: socket.socket, _number: int) -> None:
        ended = select.poll()
        ended.register(conn, select.POLLRDHUP)
        for _ in range(1_000):  # far longer than the conversation is allowed to take
            conn.sendall(b"\0")
            if ended.poll(50):
                return

    with (
        start_tcp_server(drip) as port,
        pytest.raises(ProtocolError, match=r"echo within 0\.6 s \(\d+ of 1000 bytes\)"),
    ):
        verify(make_spec(port), bytes(1_000))


def make_replies(*replies: bytes) -> Converse:
    """Make a server that answers each request with the next of these bytes, then closes."""

    def converse(conn: socket.socket, _number: int) -> None:
        for reply in replies:
            conn.recv(100)
            conn.sendall(reply)

    return converse


def reset(conn: socket.socket, _number: int) -> None:
    conn.recv(100)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_only(conn: socket.socket, _number: int) -> None:
    while conn.recv(100):
        pass


def echo_lines(conn: socket.socket, _number: int) -> None:
    for line in conn.makefile("rb"):
        conn.sendall(line)


def echo_at_the_end(conn: socket.socket, _number: int) -> None:
    conn.sendall(b"".join(iter(lambda: conn.recv(100), b"")))


def echo_late(conn: socket.socket, _number: int) -> None:
    request = conn.recv(100)
    select.select([conn], [], [], 2 * TIMEOUT_S)  # ends at once if the client sends anything more
    conn.sendall(request)


def greet(conn: socket.socket, number: int) -> None:
    conn.sendall(b"220 mail ready\r\n")
    echo(conn, number)


def keep_open_after_adios(conn: socket.socket, number: int) -> None:
    make_replies(b"pues hola", b"pues hola", b"pues adios")(conn, number)
    read_only(conn, number)


SECOND = MESSAGE[::-1]


@pytest.mark.parametrize(
    ("converse", "protocol", "fault"),
    [
        (make_replies(), "echo", "the connection without a reply"),
        (reset, "echo", f"reset the connection without a reply to {MESSAGE!r}"),
        (make_replies(MESSAGE), "echo", "the connection after 1 reply; a load that asks no more can measure it"),
        (make_replies(b"pues"), "hola", "closed the connection inside its reply to b'hola', after 4 of 9 bytes"),
        (make_replies(MESSAGE, b"?"), "echo", f"answered b'?' to {SECOND!r}; expected the same bytes"),
        (make_replies(MESSAGE * 2), "echo", f"answered {MESSAGE!r} twice; expected one reply"),
        (make_replies(MESSAGE, MESSAGE), "echo", f"answered {MESSAGE!r} twice"),
        (make_replies(MESSAGE + b"\r\n"), "echo", rf"sent b'\r\n' after its reply to {MESSAGE!r}; expected nothing"),
        (make_replies(b"pues hola" * 2), "hola", "answered b'hola' twice"),
        (echo, "hola", "answered b'hola' to b'hola'; expected b'pues hola'; the server seems to echo: --protocol echo"),
        (read_only, "echo", "did not answer echo within 0.2 s; the server may wait for a line end, and echo messages"),
        (echo_lines, "echo", "did not answer echo within 0.2 s, but after a line end, which echo messages do not have"),
        (greet, "echo", r"sent b'220 mail ready\r\n' before any request; echo has no greeting"),
        (echo_late, "echo", "but a request times out after 0.2 s; give it more time, e.g. --timeout 1"),
        (echo_at_the_end, "echo", "within 0.2 s, but after the client closed its side: it reads to the end of the"),
        (keep_open_after_adios, "hola", "did not close the connection within 0.2 s after b'pues adios', as hola"),
        (make_replies(b"pues hola", b"pues hola", b"pues adios!"), "hola", "sent b'!' after its reply to b'adios'"),
    ],
    ids=[
        "closes", "resets", "answers-once", "cuts", "changes", "twice", "constant", "adds", "hola-twice", "echoes",
        "silent", "lines", "greets", "late", "reads-to-end", "stays-open", "more-after-adios",
    ],
)  # fmt: skip
def test_verify_describes_what_the_server_did(converse: Converse, protocol: str, fault: str) -> None:
    lifecycle = "session" if protocol == "hola" else "persistent"
    with start_tcp_server(converse) as port, pytest.raises(ProtocolError) as refusal:
        verify(make_spec(port, protocol=protocol, lifecycle=lifecycle), MESSAGE)
    assert str(refusal.value).startswith(f"tcp://{HOST}:{port} ")
    assert fault in str(refusal.value)


def test_verify_finds_a_line_server_by_a_message_with_line_ends() -> None:
    expected = r"within 0\.2 s \(4 of 7 bytes\), but after a line end, which echo messages do not have"
    with start_tcp_server(echo_lines) as port, pytest.raises(ProtocolError, match=expected):
        verify(make_spec(port), b"one\ntwo")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda _number, _datagram: [], "did not answer echo within 0.2 s"),
        (lambda _number, datagram: [datagram] * 2, f"answered {MESSAGE!r} twice"),
        (lambda _number, _datagram: [b"?"], f"answered b'?' to {MESSAGE!r}; expected the same bytes"),
        (lambda _number, _datagram: [b""], f"answered b'' to {MESSAGE!r}; expected the same bytes"),
    ],
    ids=["silent", "twice", "changes", "empty"],
)
def test_verify_describes_what_the_datagram_server_did(answer: Callable[[int, bytes], list[bytes]], fault: str) -> None:
    with start_udp_server(answer) as port, pytest.raises(ProtocolError) as refusal:
        verify(make_spec(port, "udp"), MESSAGE)
    assert fault in str(refusal.value)


def test_verify_accepts_late_replies_to_repeated_datagrams() -> None:
    def answer_late(number: int, datagram: bytes) -> list[bytes]:
        return [] if number == 1 else [datagram] * (2 if number == 2 else 1)

    with start_udp_server(answer_late) as port:
        verify(make_spec(port, "udp"), MESSAGE)


def test_verify_resends_a_lost_datagram_long_before_the_timeout() -> None:
    def lose_first(number: int, datagram: bytes) -> list[bytes]:
        return [] if number == 1 else [datagram]

    with start_udp_server(lose_first) as port:
        verify(make_spec(port, "udp", timeout_s=3600.0), MESSAGE)


def answer_once(conn: socket.socket, _number: int) -> None:
    conn.sendall(conn.recv(100))


@pytest.mark.parametrize("load", [{"lifecycle": "per_request"}, {"lifecycle": "session", "requests_per_session": 1}])
def test_verify_accepts_a_server_that_answers_as_often_as_the_load_asks(load: dict[str, Any]) -> None:
    with start_tcp_server(answer_once) as port:
        verify(make_spec(port, **load), MESSAGE, concurrent_clients=2)


def test_verify_of_single_requests_detects_a_constant_server() -> None:
    with start_tcp_server(make_replies(MESSAGE)) as port, pytest.raises(ProtocolError, match="expected the same bytes"):
        verify(make_spec(port, lifecycle="per_request"), MESSAGE)


@pytest.mark.parametrize("load", [{}, {"lifecycle": "per_request"}])
def test_verify_asks_for_no_adios_that_the_load_does_not_send(load: dict[str, Any]) -> None:
    with start_tcp_server(make_replies(b"pues hola", b"pues hola", b"?")) as port:
        verify(make_spec(port, protocol="hola", **load), MESSAGE)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_find_server_tries_the_addresses_of_a_name(host: str) -> None:
    with start_tcp_server(echo, host) as port:
        found = find_server(make_spec(port), "localhost", MESSAGE)
    assert found.host in {"::": {"127.0.0.1", "::1"}}.get(host, {host})


def test_find_server_reports_every_address_without_a_listener() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProtocolError, match=rf"nobody listens on tcp://localhost:{port} \(connection refused at "):
        find_server(make_spec(port), "localhost", MESSAGE)


def test_find_server_reports_a_faulty_server_and_tries_no_other() -> None:
    with start_tcp_server(make_replies(b"?")) as port, pytest.raises(ProtocolError, match=r"127\.0\.0\.1:\d+ answered"):
        find_server(make_spec(port), "localhost", MESSAGE)

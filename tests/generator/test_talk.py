"""The tutorial's client against servers with wrong replies."""

import socket
import struct
from collections.abc import Callable

import pytest

from clients import talk as talking
from clients.talk import ConversationError, talk
from tests.support.scripted_servers import HOST, echo, start_tcp_server, start_udp_server


def make_replies(*replies: bytes) -> Callable[[socket.socket, int], None]:
    """Make a server that sends these replies, then closes its side."""

    def converse(conn: socket.socket, _number: int) -> None:
        for reply in replies:
            conn.recv(100)
            conn.sendall(reply)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(100)

    return converse


def run_talk(port: int, transport: str) -> tuple[list[str], str]:
    """Run the conversation. Returns the replies shown and the error."""
    shown: list[str] = []
    with pytest.raises(ConversationError) as caught:
        shown.extend(talk(HOST, port, transport, wait_s=0))
    return shown, str(caught.value)


def test_talk_yields_each_reply_as_it_arrives() -> None:
    received: list[bytes] = []

    def listen(conn: socket.socket, _number: int) -> None:
        for reply in (b"pues hola", b"pues adios"):
            received.append(conn.recv(100))
            conn.sendall(reply)

    with start_tcp_server(listen) as port:
        replies = talk(HOST, port, "tcp", wait_s=0)
        assert next(replies) == "pues hola"
        assert received == [b"hola"]
        assert list(replies) == ["pues adios"]


@pytest.mark.parametrize(
    ("converse", "shown", "problem"),
    [
        (make_replies(), [], "closed without a reply to b'hola'; expected b'pues hola'"),
        (make_replies(b"pues hola"), ["pues hola"], "closed without a reply to b'adios'; expected b'pues adios'"),
        (make_replies(b"pues"), ["pues"], "answered b'pues' to b'hola'; expected b'pues hola'"),
        (make_replies(b"pues hola", b"\x1b[2J"), ["pues hola", "\\x1b[2J"], "to b'adios'; expected b'pues adios'"),
        (make_replies(b"pues hola\n"), ["pues hola\\x0a"], "to b'hola'; expected b'pues hola'"),
        (echo, ["hola"], "answered b'hola' to b'hola'; expected b'pues hola'"),
    ],
    ids=["leaves", "leaves-later", "cut", "controls", "newline", "echo"],
)
def test_talk_reports_wrong_reply_and_expected_one(
    converse: Callable[[socket.socket, int], None], shown: list[str], problem: str
) -> None:
    with start_tcp_server(converse) as port:
        replies, line = run_talk(port, "tcp")
    assert replies == shown
    assert problem in line
    assert line.isprintable()


def test_talk_reports_wrong_datagram_at_once() -> None:
    with start_udp_server(lambda _number, datagram: [datagram]) as port:
        replies, line = run_talk(port, "udp")
    assert replies == ["hola"]
    assert "answered b'hola'" in line


def test_talk_times_out_on_a_mute_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "_TIMEOUT_S", 0.05)
    with start_udp_server(lambda _number, _datagram: []) as port:
        replies, line = run_talk(port, "udp")
    assert replies == []
    assert "did not answer within 0.05 s to b'hola'" in line


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_talk_tries_the_addresses_of_a_name(host: str) -> None:
    with start_tcp_server(make_replies(b"pues hola", b"pues adios"), host) as port:
        assert list(talk("localhost", port, "tcp", wait_s=0)) == ["pues hola", "pues adios"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_talk_tries_the_addresses_of_a_name_over_udp(host: str) -> None:
    replies = {b"hola": b"pues hola", b"adios": b"pues adios"}
    with start_udp_server(lambda _number, datagram: [replies[datagram]], host) as port:
        assert list(talk("localhost", port, "udp", wait_s=0)) == ["pues hola", "pues adios"]


def test_talk_reports_a_reset() -> None:
    def reset(conn: socket.socket, _number: int) -> None:
        conn.recv(100)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with start_tcp_server(reset) as port:
        assert run_talk(port, "tcp") == ([], f"tcp://{HOST}:{port} reset the connection instead of answering")


def test_talk_reports_that_nobody_listens() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    assert run_talk(port, "tcp")[1].startswith(f"nobody listens on tcp://{HOST}:{port} (connection refused)")

"""The tutorial's client against servers that say something else."""

import socket
from collections.abc import Callable

import pytest

from clients import talk as talking
from clients.talk import NoAnswer, talk
from tests.generator.scripted import HOST, echo, tcp_server, udp_server


def say(*replies: bytes) -> Callable[[socket.socket, int], None]:
    """Make a server of these replies, which then ends its side."""

    def converse(conn: socket.socket, _number: int) -> None:
        for reply in replies:
            conn.recv(100)
            conn.sendall(reply)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(100)

    return converse


def hear(port: int, transport: str) -> tuple[list[str], str]:
    """Hold the conversation; what was shown, and what was wrong."""
    shown: list[str] = []
    with pytest.raises(NoAnswer) as caught:
        shown.extend(talk(HOST, port, transport, wait_s=0))
    return shown, str(caught.value)


def test_each_reply_is_there_when_it_comes() -> None:
    heard: list[bytes] = []

    def listen(conn: socket.socket, _number: int) -> None:
        for reply in (b"pues hola", b"pues adios"):
            heard.append(conn.recv(100))
            conn.sendall(reply)

    with tcp_server(listen) as port:
        replies = talk(HOST, port, "tcp", wait_s=0)
        assert next(replies) == "pues hola"
        assert heard == [b"hola"]
        assert list(replies) == ["pues adios"]


@pytest.mark.parametrize(
    ("converse", "shown", "said"),
    [
        (say(), [], "closed without a reply to b'hola'; b'pues hola' is due"),
        (say(b"pues hola"), ["pues hola"], "closed without a reply to b'adios'; b'pues adios' is due"),
        (say(b"pues"), ["pues"], "answered b'pues' to b'hola'; b'pues hola' is due"),
        (say(b"pues hola", b"\x1b[2J"), ["pues hola", "\\x1b[2J"], "to b'adios'; b'pues adios' is due"),
        (say(b"pues hola\n"), ["pues hola\\x0a"], "to b'hola'; b'pues hola' is due"),
        (echo, ["hola"], "answered b'hola' to b'hola'; b'pues hola' is due"),
    ],
    ids=["leaves", "leaves-later", "cut", "controls", "newline", "echo"],
)
def test_what_came_is_shown_and_then_what_was_due(
    converse: Callable[[socket.socket, int], None], shown: list[str], said: str
) -> None:
    with tcp_server(converse) as port:
        replies, line = hear(port, "tcp")
    assert replies == shown
    assert said in line
    assert line.isprintable()


def test_a_datagram_that_is_not_due_is_shown_at_once() -> None:
    with udp_server(lambda _number, datagram: [datagram]) as port:
        replies, line = hear(port, "udp")
    assert replies == ["hola"]
    assert "answered b'hola'" in line


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "_TIMEOUT_S", 0.05)
    with udp_server(lambda _number, _datagram: []) as port:
        replies, line = hear(port, "udp")
    assert replies == []
    assert "did not answer within 0.05 s to b'hola'" in line

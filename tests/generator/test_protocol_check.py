"""The protocol check against correct and faulty servers."""

import select
import socket

import pytest

from clients.protocol_check import ProtocolError, verify
from tests.support.scripted_servers import HOST, start_tcp_server
from tests.support.servers import start_server as server

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("model", ["select", "thread_per_client"])
def test_verify_accepts_a_message_larger_than_all_buffers(model: str) -> None:
    with server(model) as ready:
        verify("tcp", HOST, ready["port"], "echo", bytes(range(256)) * (16 << 12), timeout_s=10.0, concurrent_clients=2)


def test_verify_times_out_on_a_server_that_never_reads() -> None:
    with socket.create_server((HOST, 0)) as listener, pytest.raises(ProtocolError, match=r"echo within 0\.1 s"):
        verify("tcp", HOST, listener.getsockname()[1], "echo", bytes(16 << 20), timeout_s=0.1)


def test_verify_detects_a_changed_large_message() -> None:
    def change_the_last(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(data.replace(b"z", b"?"))

    with start_tcp_server(change_the_last) as port, pytest.raises(ProtocolError, match="expected the same bytes"):
        verify("tcp", HOST, port, "echo", bytes((4 << 20) - 1) + b"z", timeout_s=10.0)


def test_verify_detects_a_close_inside_a_large_message() -> None:
    def leave(conn: socket.socket, _number: int) -> None:
        conn.sendall(conn.recv(65536))

    with start_tcp_server(leave) as port, pytest.raises(ProtocolError):
        verify("tcp", HOST, port, "echo", bytes(16 << 20), timeout_s=10.0)


def test_verify_reports_a_reply_that_is_too_short() -> None:
    def echo(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(data)

    expected = r"answered b'hola' to b'hola'; expected b'pues hola'"
    with start_tcp_server(echo) as port, pytest.raises(ProtocolError, match=expected):
        verify("tcp", HOST, port, "hola", b"", timeout_s=0.2)


def test_verify_limits_the_time_of_a_whole_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.protocol_check._MIN_WHOLE_S", 0.0)

    def drip(conn: socket.socket, _number: int) -> None:
        ended = select.poll()
        ended.register(conn, select.POLLRDHUP)
        for _ in range(1_000):  # far longer than the conversation is allowed to take
            conn.sendall(b"\0")
            if ended.poll(50):
                return

    with start_tcp_server(drip) as port, pytest.raises(ProtocolError, match=r"echo within 0\.6 s"):
        verify("tcp", HOST, port, "echo", bytes(1_000), timeout_s=0.2)

"""The check before the clock starts, against servers that are as they should be and against others."""

import select
import socket

import pytest

from clients.protocol_check import NotSpoken, verify
from tests.generator.scripted import HOST, tcp_server
from tests.system.commands import server


@pytest.mark.parametrize("model", ["select", "thread_per_client"])
def test_a_message_larger_than_all_buffers_is_checked_whole(model: str) -> None:
    with server(model) as ready:
        verify("tcp", HOST, ready["port"], "echo", bytes(range(256)) * (16 << 12), timeout_s=10.0, together=2)


def test_a_server_that_reads_nothing_is_waited_for_no_longer_than_the_timeout() -> None:
    with socket.create_server((HOST, 0)) as listener, pytest.raises(NotSpoken, match=r"echo within 0\.1 s"):
        verify("tcp", HOST, listener.getsockname()[1], "echo", bytes(16 << 20), timeout_s=0.1)


def test_a_large_message_that_comes_back_changed_is_heard() -> None:
    def change_the_last(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(data.replace(b"z", b"?"))

    with tcp_server(change_the_last) as port, pytest.raises(NotSpoken, match="the same is due"):
        verify("tcp", HOST, port, "echo", bytes((4 << 20) - 1) + b"z", timeout_s=10.0)


def test_a_server_that_closes_in_the_middle_of_a_large_message_is_heard() -> None:
    def leave(conn: socket.socket, _number: int) -> None:
        conn.sendall(conn.recv(65536))

    with tcp_server(leave) as port, pytest.raises(NotSpoken):
        verify("tcp", HOST, port, "echo", bytes(16 << 20), timeout_s=10.0)


def test_a_server_that_answers_drop_by_drop_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.protocol_check._LEAST_S", 0.0)

    def drip(conn: socket.socket, _number: int) -> None:
        ended = select.poll()
        ended.register(conn, select.POLLRDHUP)
        for _ in range(1_000):  # far longer than the conversation may take
            conn.sendall(b"\0")
            if ended.poll(50):
                return

    with tcp_server(drip) as port, pytest.raises(NotSpoken, match=r"echo within 0\.6 s"):
        verify("tcp", HOST, port, "echo", bytes(1_000), timeout_s=0.2)

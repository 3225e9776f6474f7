"""The baseline: one thread, and the sockets that it watches with poll or with epoll."""

import contextlib
import socket
from pathlib import Path

import pytest

from tests.support.servers import Server, start_server
from tests.support.sockets import connect, exchange, read_to_end
from tests.support.waiting import wait_until

POLLED = 128  # connections that poll watches; epoll watches the others
OTHERS = 40


def test_baseline_has_one_thread() -> None:
    with start_server("native") as server:
        assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1


def connect_all(stack: contextlib.ExitStack, server: Server, count: int) -> list[socket.socket]:
    """Return connections that the server has accepted."""
    clients = []
    for _ in range(count):
        clients.append(stack.enter_context(connect(server)))
        exchange(clients[-1], b"hola", b"pues hola")
    return clients


@pytest.mark.parametrize("first", [0, 1])
def test_baseline_serves_more_connections_than_poll_watches(first: int) -> None:
    with start_server("native", protocol="hola") as server, contextlib.ExitStack() as stack:
        clients = connect_all(stack, server, 1)
        idle_descriptors = server.descriptors() - 1  # known once the server has answered, so is serving
        clients += connect_all(stack, server, POLLED + OTHERS)
        for client in clients[first::2]:  # the entries of these are taken by others
            client.sendall(b"adios")
            assert read_to_end(client) == b"pues adios"
        remaining = clients[1 - first :: 2]
        for client in remaining + connect_all(stack, server, OTHERS):
            exchange(client, b"hola", b"pues hola")
        for client in clients:
            client.close()
        wait_until(lambda: server.descriptors() == idle_descriptors + OTHERS, "the closed connections are closed")


@pytest.mark.parametrize("index", [POLLED // 2, POLLED + 1])
def test_baseline_sends_a_long_reply_to_a_slow_reader(index: int) -> None:
    with start_server("native", protocol="echo") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(POLLED + 2)]
        for client in clients:
            exchange(client, b"a", b"a")
        slow, size = clients[index], 0
        slow.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:  # until the buffers of both directions are full
                size += slow.send(bytes(1 << 16))
        slow.settimeout(10)
        exchange(clients[0], b"b", b"b")  # the others are served meanwhile
        slow.shutdown(socket.SHUT_WR)
        assert len(read_to_end(slow)) == size

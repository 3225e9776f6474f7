"""Requests of work that wait at once: as many as each model promises, ten thousand timers, the default executor."""

import contextlib
import os
import select
import socket

import psutil
import pytest

from servers import registry
from tests.conformance.cases import MODELS, WORK_ARMS, by_work_arm
from tests.support.servers import Server, start_server
from tests.support.sockets import connect, exchange_datagram, make_udp_socket, read_exactly
from tests.support.waiting import wait_until
from tests.support.work_frames import FRAME, make_frame

LONG_WAIT_US = 60_000_000  # no test waits for its end
AT_ONCE = 64
TIMERS = ("asyncio", "gevent", "select", "trio", "twisted", "uvloop")  # one model for each implementation of timers
LIMITED_ARMS = [
    (model, transport)
    for model, transport in WORK_ARMS
    if MODELS[model].max_waits[transport] is not None and not MODELS[model].parallel
]


@by_work_arm
def test_promised_number_of_requests_waits_at_once(model: str, transport: str) -> None:
    """If one wait blocked another, the last reply would come after a minute."""
    at_once = min(AT_ONCE, MODELS[model].max_waits[transport] or AT_ONCE)
    with start_server(model, transport, "work") as server, contextlib.ExitStack() as opened:
        waiting = []
        for _ in range(at_once - 1):
            client = opened.enter_context(open_client(server))
            client.sendall(FRAME)  # answered now, so that a short backlog does not fill up
            assert read_exactly(client, len(FRAME)) == FRAME
            client.sendall(make_frame(wait_us=LONG_WAIT_US))
            waiting.append(client)
        last = opened.enter_context(open_client(server))
        request = make_frame(b"last", wait_us=1_000)
        last.sendall(request)
        assert read_exactly(last, len(request)) == request
        assert not select.select(waiting, [], [], 0)[0]
        last.sendall(make_frame(wait_us=LONG_WAIT_US))
        wait_until(server.is_idle, "the server sleeps while requests wait")


@pytest.mark.parametrize(("model", "transport"), LIMITED_ARMS)
def test_request_beyond_the_declared_limit_waits_for_another(model: str, transport: str) -> None:
    limit = MODELS[model].max_waits[transport]
    assert limit is not None
    if transport == "tcp" and MODELS[model].max_tcp_clients is not None:
        pytest.skip("its limit is that of the clients: test_client_limits.py")
    with start_server(model, transport, "work") as server, contextlib.ExitStack() as opened:
        clients = [opened.enter_context(open_client(server)) for _ in range(limit + 1)]
        for client in clients:  # all are accepted before the order of their requests counts
            client.sendall(FRAME)
            assert read_exactly(client, len(FRAME)) == FRAME
        last = clients.pop()
        for client in clients:
            client.sendall(make_frame(wait_us=300_000))
        if server.model.forks or server.model.name.startswith("socketserver"):
            wait_until(lambda: len(server.tree()) == 1 + limit, "every request has its process")
        last.sendall(FRAME)
        assert read_exactly(last, len(FRAME)) == FRAME
        assert select.select(clients, [], [], 0)[0], "it was served before any of the others"


@pytest.mark.parametrize("model", TIMERS)
def test_ten_thousand_timers_wait_at_once(model: str) -> None:
    """20 peers, so that their buffers hold all replies even if these come at the same time."""
    with start_server(model, "udp", "work") as server, contextlib.ExitStack() as opened:
        in_between, *peers = [opened.enter_context(open_client(server)) for _ in range(21)]
        expected = set()
        for number in range(10_000):
            frame = make_frame(number=number, wait_us=1_500_000 + number % 7 * 20_000)
            expected.add(frame)
            peers[number % 20].send(frame)
            if number % 50 == 0:  # the server has read all before, so that its buffer does not overflow
                exchange_datagram(in_between, make_frame(number=number, connection=2))
        received: set[bytes] = set()
        while len(received) < len(expected):
            readable = select.select(peers, [], [], 20)[0]
            assert readable, f"{len(received)} of {len(expected)} replies came, then nothing happened"
            received |= {peer.recv(100) for peer in readable}
        assert received == expected
        wait_until(server.is_idle, "the server is idle")


@pytest.mark.parametrize("transport", registry.TRANSPORTS)
def test_default_executor_has_as_many_threads_as_declared(transport: str) -> None:
    with start_server("asyncio_to_thread", transport, "work") as server, contextlib.ExitStack() as opened:
        clients = [opened.enter_context(open_client(server)) for _ in range(40)]
        limit = server.model.max_waits[transport]
        assert limit == min(32, (os.cpu_count() or 1) + 4) or hasattr(os, "process_cpu_count")
        for client in clients:
            client.sendall(make_frame(wait_us=LONG_WAIT_US))
        wait_until(lambda: psutil.Process(server.pid).num_threads() == 1 + (limit or 0), "all threads have started")


def open_client(server: Server) -> socket.socket:
    """Open a client over the transport of the server."""
    return connect(server) if server["transport"] == "tcp" else make_udp_socket(server)

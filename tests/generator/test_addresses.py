"""Loads over IPv4 and IPv6, on servers of one family or of both."""

import socket
from dataclasses import replace
from typing import Any

import pytest

from clients import kernel_counters
from clients.engine.threads import Threads
from tests.generator.loads import make_tcp_spec, make_udp_spec, run_load
from tests.support.scripted_servers import echo, start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial
LISTENING_AND_LOADED = [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1"), ("127.0.0.1", "::ffff:127.0.0.1")]


@pytest.mark.parametrize(("listening", "loaded"), LISTENING_AND_LOADED)
@pytest.mark.parametrize("lifecycle", ["persistent", "session", "per_request"])
def test_stream_load_reaches_server(listening: str, loaded: str, lifecycle: str, threads: Threads) -> None:
    with start_tcp_server(echo, listening) as port:
        spec = replace(make_tcp_spec(port, connections=3, lifecycle=lifecycle), host=loaded)
        result = run_load(threads, spec)
    assert result["ledger"]["ok"] == result["sent"] > 0
    assert result["errors"] == {}


@pytest.mark.parametrize(("listening", "loaded"), LISTENING_AND_LOADED)
@pytest.mark.parametrize("lifecycle", ["persistent", "session"])
def test_datagram_load_reaches_server(listening: str, loaded: str, lifecycle: str, threads: Threads) -> None:
    with start_udp_server(lambda _number, datagram: [datagram], listening) as port:
        spec = make_udp_spec(port, connections=3, lifecycle=lifecycle, timeout_s=5.0, message_bytes=65_507)
        result = run_load(threads, replace(spec, host=loaded))
    assert result["ledger"]["ok"] == result["sent"] > 0
    assert result["errors"] == {}


def test_target_in_the_document_has_brackets(threads: Threads) -> None:
    with start_tcp_server(echo, "::1") as port:
        result = run_load(threads, replace(make_tcp_spec(port), host="::1"), seconds=0.01)
    assert result["target"] == f"tcp://[::1]:{port}"


@pytest.mark.parametrize(("listening", "loaded"), [*LISTENING_AND_LOADED, ("127.0.0.1", "127.0.0.1")])
def test_every_datagram_without_room_is_counted_as_dropped(listening: str, loaded: str, threads: Threads) -> None:
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # room for a few datagrams
        server.bind((listening, 0))
        options: dict[str, Any] = {"connections": 20, "depth": 8, "timeout_s": 0.02}
        spec = replace(make_udp_spec(server.getsockname()[1], **options), host=loaded)
        before = kernel_counters.drops(spec)
        result = run_load(threads, spec, seconds=0.05)
        drops = kernel_counters.drops_since(before, spec)
        assert drops == {"generator": 0, "server": result["sent"] - count_waiting(server)}
        assert drops["server"] > 0


def count_waiting(server: socket.socket) -> int:
    """Return how many datagrams wait in the buffer of a socket."""
    server.setblocking(False)
    count = 0
    while True:
        try:
            server.recv(100)
        except BlockingIOError:
            return count
        count += 1

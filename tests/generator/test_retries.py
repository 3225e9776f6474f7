"""Requests that are sent again after a timeout, against servers that drop or delay some."""

import socket
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from clients.engine.threads import Threads
from tests.generator.loads import make_tcp_spec, make_udp_spec, run_load
from tests.support.frame_servers import read_frames
from tests.support.scripted_servers import start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial


def test_dropped_datagram_is_sent_again(threads: Threads) -> None:
    seen: dict[bytes, int] = {}

    def drop_first(_number: int, datagram: bytes) -> list[bytes]:
        seen[datagram] = seen.get(datagram, 0) + 1
        return [datagram] if seen[datagram] == 2 else []

    with start_udp_server(drop_first) as port:
        result = run_load(threads, make_udp_spec(port, timeout_s=0.02, retries=3), seconds=0.3)
    assert result["ledger"]["ok"] == result["sent"] == result["retried"] > 3
    assert set(seen.values()) == {2}
    assert result["service_us"]["p50"] > 20_000  # from the first time that it was sent


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_request_without_any_reply_is_lost_after_its_retries(threads: Threads, transport: str) -> None:
    def mute(conn: socket.socket, _number: int) -> None:
        while conn.recv(65536):
            pass

    tcp = transport == "tcp"
    with start_tcp_server(mute) if tcp else start_udp_server(lambda _number, _datagram: []) as port:
        spec = replace(make_udp_spec(port, timeout_s=0.02, retries=2), transport=transport)
        result = run_load(threads, spec, seconds=0.2)
    assert result["ledger"]["lost"] == result["sent"] > 1
    assert result["retried"] == 2 * result["sent"]
    assert result["errors"]["timeout"] == 3 * result["sent"]


@pytest.mark.parametrize("lifecycle", ["persistent", "per_request"])
def test_stream_request_is_sent_again_on_a_new_connection(threads: Threads, lifecycle: str) -> None:
    seen: dict[int, list[int]] = {}
    lock = threading.Lock()

    def answer_second(conn: socket.socket, number: int) -> None:
        for frame in read_frames(conn):
            with lock:
                connections = seen.setdefault(frame.number, [])
                connections.append(number)
            if len(connections) > 1 or frame.number % 3:
                conn.sendall(frame.content)

    with start_tcp_server(answer_second) as port:
        spec = make_tcp_spec(port, protocol="work", timeout_s=0.05, retries=1, lifecycle=lifecycle)
        result = run_load(threads, spec, seconds=0.4)
    again = [connections for connections in seen.values() if len(connections) > 1]
    assert result["ledger"]["ok"] == result["sent"] == len(seen)
    assert result["retried"] == len(again) == len(seen) // 3 > 1
    assert all(first != second for first, second in again)


def test_retried_latency_begins_at_the_first_intended_time(threads: Threads) -> None:
    seen: dict[bytes, int] = {}

    def drop_first(_number: int, datagram: bytes) -> list[bytes]:
        seen[datagram] = seen.get(datagram, 0) + 1
        return [datagram] if seen[datagram] == 3 else []

    with start_udp_server(drop_first) as port:
        spec = make_udp_spec(port, timeout_s=0.02, retries=2, rate_rps=100.0, connections=8)
        result = run_load(threads, spec, seconds=0.3)
    assert result["ledger"]["ok"] == result["scheduled"] > 5
    assert result["latency_us"]["p50"] > 40_000
    assert result["retried"] == 2 * result["sent"]


def test_reply_to_the_first_copy_after_a_retry_counts_once(threads: Threads) -> None:
    def answer_the_first_slowly(number: int, datagram: bytes) -> list[bytes]:
        if number == 1:
            time.sleep(0.05)
        return [datagram]

    with start_udp_server(answer_the_first_slowly) as port:
        result = run_load(threads, make_udp_spec(port, timeout_s=0.02, retries=5), seconds=0.3)
    assert result["ledger"]["ok"] == result["sent"] > 2
    assert 0 < result["ledger"]["duplicate"] <= result["retried"]


def test_retries_end_when_the_server_is_gone(threads: Threads) -> None:
    def leave(conn: socket.socket, _number: int) -> None:
        conn.recv(64)

    with start_tcp_server(leave) as port:
        result = run_load(threads, make_tcp_spec(port, timeout_s=0.1, retries=1000), seconds=0.1)
    assert result["ledger"]["lost"] == result["sent"] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 2}, "retries 1 over TCP opens a new connection, and needs depth 1"),
        ({"lifecycle": "session"}, "retries 1 needs lifecycle persistent or per_request"),
        ({"transport": "udp", "message_bytes": 4}, "retries 1 over UDP needs messages of at least 12 bytes"),
        ({"retries": -1}, "retries -1 is not a whole number"),
    ],
)
def test_retries_reject_what_they_cannot_do(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(make_tcp_spec(7, retries=1), **changes)

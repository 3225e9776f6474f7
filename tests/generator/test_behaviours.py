"""Clients that behave in their own way, against scripted servers."""

import socket
import struct
import threading
from dataclasses import replace
from typing import Any

import pytest

from clients.engine.threads import Threads
from clients.generator import LoadGenerator, PopulationsGenerator, compile_populations
from clients.load_context import LoadContext
from clients.population_counts import PopulationCounts
from clients.population_document import make_population_document
from tests.generator.loads import make_tcp_spec, run_load
from tests.support.frame_servers import Frame, answer_frames
from tests.support.scripted_servers import echo, start_tcp_server

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module", autouse=True)
def _compiled_populations() -> None:
    compile_populations()


def test_trickling_client_sends_a_byte_at_a_time(threads: Threads) -> None:
    received: list[bytes] = []

    def serve(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            received.append(data)
            conn.sendall(data)

    with start_tcp_server(serve) as port:
        spec = make_tcp_spec(port, protocol="echo", message_bytes=1, behaviour="trickle", trickle_s=0.005)
        result = run_load(threads, spec, seconds=0.3)
    assert {len(data) for data in received} == {1}
    assert result["ledger"]["ok"] == result["sent"] == len(received)
    assert 10 <= len(received) <= 0.3 / 0.005


def test_trickled_request_counts_once_it_is_complete(threads: Threads) -> None:
    frames: list[Frame] = []
    with start_tcp_server(lambda conn, _: answer_frames(conn, frames.append)) as port:
        spec = make_tcp_spec(
            port, protocol="work", message_bytes=30, connections=3, behaviour="trickle", trickle_s=0.001, wait_us=20_000
        )
        result = run_load(threads, spec, seconds=0.25, slices=3)
    assert result["ledger"]["ok"] == result["sent"] == len(frames)
    assert 3 <= len(frames) <= 3 * 0.75 / (30 * 0.001)
    assert 20_000 <= result["service_us"]["p50"] < 200_000  # from the last byte: 30 bytes take 30 ms alone
    assert result["errors"] == {}


def test_echo_of_a_trickled_request_may_come_byte_by_byte(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, message_bytes=20, connections=2, behaviour="trickle", trickle_s=0.001)
        result = run_load(threads, spec, seconds=0.15, slices=3)
    assert result["ledger"]["ok"] == result["sent"] > 5
    assert result["errors"] == {}
    assert result["connects"] == 2


def test_wrong_echo_of_a_trickled_byte_is_noticed(threads: Threads) -> None:
    def lie(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(bytes(byte ^ 0xFF for byte in data))

    with start_tcp_server(lie) as port:
        spec = make_tcp_spec(port, message_bytes=20, behaviour="trickle", trickle_s=0.001)
        result = run_load(threads, spec)
    assert result["errors"]["wrong_reply"] > 1
    assert result["sent"] == 0


def test_trickling_client_returns_after_the_server_closed(threads: Threads) -> None:
    numbers: list[int] = []

    def impatient(conn: socket.socket, number: int) -> None:
        numbers.append(number)
        conn.recv(1)

    with start_tcp_server(impatient) as port:
        spec = make_tcp_spec(port, message_bytes=64, connections=2, behaviour="trickle", trickle_s=0.002)
        result = run_load(threads, spec, seconds=0.3)
    assert result["sent"] == 0
    assert result["errors"].get("closed", 0) + result["errors"].get("reset", 0) >= 4
    assert result["connects"] >= len(numbers) - 2 >= 4


def test_client_that_never_reads_stops_when_the_socket_is_full(threads: Threads) -> None:
    def read_nothing(conn: socket.socket, _number: int) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        done.wait()

    done = threading.Event()
    with start_tcp_server(read_nothing) as port:
        spec = make_tcp_spec(port, message_bytes=1000, connections=2, behaviour="never_reads")
        try:
            with LoadGenerator(spec, threads) as generator:
                generator.open()
                tallies = [generator.load(0.1).counts.tally for _ in range(10)]
                document = make_population_document(
                    PopulationCounts.of(generator.population), threads.cpus, LoadContext()
                )
        finally:
            done.set()
    assert 0 < document["unread_bytes"] < 2 * (16 << 20)
    assert tallies[-1]["unread_bytes"] == 0
    assert document["ledger"]["lost"] == document["sent"]
    assert 0 <= document["unread_bytes"] - 1000 * document["sent"] < 2 * 1000
    codes = {flag["code"] for flag in document["verdict"]["flags"]}
    assert {"LOSS", "NO_REPLIES", "STARVED_CONNECTIONS"}.isdisjoint(codes)


def test_client_that_never_reads_sends_16_mib_at_most(threads: Threads) -> None:
    received = [0]

    def swallow(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(1 << 20):
            received[0] += len(data)

    with start_tcp_server(swallow) as port:
        spec = make_tcp_spec(port, message_bytes=60_000, behaviour="never_reads")
        with LoadGenerator(spec, threads) as generator:
            generator.open()
            tallies = [generator.load(0.4).counts.tally for _ in range(3)]
    assert sum(tally["unread_bytes"] for tally in tallies) == received[0] == 16 << 20
    assert tallies[-1]["unread_bytes"] == 0


def test_many_clients_that_never_read_share_a_limit() -> None:
    spec = make_tcp_spec(7, behaviour="never_reads", connections=1024)
    from clients.load_spec import make_params

    assert make_params(spec, 0).unread_limit_bytes * 1024 == 1 << 30


@pytest.mark.parametrize("linger", [False, True])
def test_end_of_a_connection_that_never_reads_is_counted(threads: Threads, linger: bool) -> None:
    def leave(conn: socket.socket, _number: int) -> None:
        conn.recv(65536, socket.MSG_WAITALL)
        if linger:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with start_tcp_server(leave) as port:
        spec = make_tcp_spec(port, message_bytes=1000, behaviour="never_reads")
        result = run_load(threads, spec, seconds=0.3)
    assert sum(result["errors"].values()) == result["errors"].get("reset", 0) + result["errors"].get("closed", 0) >= 2


def test_quiet_population_is_served_beside_clients_that_never_read(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        quiet = make_tcp_spec(port, connections=2, rate_rps=300.0)
        rude = replace(quiet, rate_rps=0.0, behaviour="never_reads", message_bytes=1000)
        with PopulationsGenerator({"quiet": quiet, "rude": rude}, threads) as generator:
            generator.open()
            slices = generator.load(0.3)
    assert slices["quiet"].counts.tally["ok"] == slices["quiet"].counts.tally["scheduled"] > 40
    assert slices["rude"].counts.tally["ok"] == 0 < slices["rude"].counts.tally["unread_bytes"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transport": "udp"}, "behaviour 'silent' needs connections, and UDP has none; use tcp"),
        ({"rate_rps": 5.0}, "behaviour 'silent' and rate_rps contradict each other"),
        ({"depth": 2}, "behaviour 'silent' and depth contradict"),
        ({"lifecycle": "session"}, "behaviour 'silent' and lifecycle 'session' contradict"),
        ({"retries": 1}, "behaviour 'silent' and retries contradict"),
    ],
)
def test_behaviour_rejects_what_it_cannot_do(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(make_tcp_spec(7, behaviour="silent"), **changes)

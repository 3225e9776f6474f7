"""The open loop against servers of known behaviour.

Its schedule is compared with an independent copy.
"""

import os
import socket
import struct
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest

from clients.engine.records import OUTCOME_LATE, OUTCOME_LOST, OUTCOME_OK
from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.measurement import Slice
from clients.result_document import make_document
from tests.support.scripted_servers import HOST, echo, start_tcp_server, start_udp_server
from tests.support.servers import start_server as server
from tests.support.splitmix import exponentials

pytestmark = pytest.mark.serial


def run_load(spec: LoadSpec, seconds: float = 0.3, **options: Any) -> tuple[dict[str, Any], Slice, Any]:
    """Load a server. Returns document, slice and raw rows.

    Checks that the counts add up.
    """
    threads = Threads()
    try:
        with LoadGenerator(spec, threads) as generator:
            generator.open()
            slice_ = generator.load(seconds, **options)
            result = make_document(
                spec, generator.totals, generator.served(), threads.cpus, LoadContext(whole_load=slice_)
            )
            raw = generator.raw()
    finally:
        threads.close()
    ledger = result["ledger"]
    assert result["sent"] == ledger["ok"] + ledger["late"] + ledger["lost"] + ledger["corrupt"]
    assert slice_.counts.tally["counted"] == slice_.counts.primary.sum() + slice_.counts.never_answered.sum()
    if spec.open_loop:
        assert result["sent"] + result["unsent"] == result["scheduled"]
    return result, slice_, raw


def make_tcp_spec(port: int, **changes: Any) -> LoadSpec:
    return LoadSpec("tcp", HOST, port, **{"timeout_s": 5.0, "rate_rps": 2000.0, "connections": 8, **changes})


def make_udp_spec(port: int, **changes: Any) -> LoadSpec:
    return replace(make_tcp_spec(port, **changes), transport="udp")


def echo_all(_number: int, datagram: bytes) -> list[bytes]:
    return [datagram]


def gaps_ns(raw: Any) -> Any:
    return np.diff(np.sort(raw["intended_ns"]))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("arrivals", ["poisson", "constant", "burst"])
def test_open_loop_sends_every_scheduled_request(transport: str, arrivals: str) -> None:
    with start_tcp_server(echo) if transport == "tcp" else start_udp_server(echo_all) as port:
        spec = replace(make_tcp_spec(port, arrivals=arrivals), transport=transport)
        result, _, _ = run_load(spec)
    assert result["ledger"]["ok"] == result["scheduled"] > 300
    assert result["errors"] == {}
    assert result["latency_us"]["count"] == result["ledger"]["ok"]
    assert result["loop"] == "open"


def test_poisson_arrivals_follow_from_the_seed() -> None:
    with start_tcp_server(echo) as port:
        _, _, raw = run_load(make_tcp_spec(port, raw_rows=10_000), seed=7)
    seed = int(np.random.SeedSequence(7).generate_state(2, np.uint64)[0])
    expected = np.array(exponentials(seed, len(raw)))[1:] * 1e9 / 2000
    assert gaps_ns(raw) == pytest.approx(expected, abs=2)


def test_constant_arrivals_are_evenly_spaced() -> None:
    with start_tcp_server(echo) as port:
        _, _, raw = run_load(make_tcp_spec(port, arrivals="constant", raw_rows=10_000))
    assert gaps_ns(raw) == pytest.approx(500_000, abs=2)


@pytest.mark.parametrize("warmup_s", [0.0, 0.00025, 0.003, 0.0101])
def test_constant_arrivals_in_a_window_are_rate_times_length(warmup_s: float) -> None:
    with start_tcp_server(echo) as port:
        _, slice_, _ = run_load(make_tcp_spec(port, arrivals="constant"), 0.05 + warmup_s, warmup_s=warmup_s)
    assert slice_.counts.tally["counted"] == 2000 * 0.05


def test_bursts_fill_only_their_part_of_each_period() -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, arrivals="burst", raw_rows=10_000, burst_on_s=0.01, burst_period_s=0.05)
        result, slice_, raw = run_load(spec)
    phase_s = (np.sort(raw["intended_ns"]) / 1e9 - slice_.start_s) % 0.05
    assert phase_s.max() < 0.01
    assert result["scheduled"] == pytest.approx(2000 * 0.3, rel=0.3)


@pytest.mark.parametrize("arrivals", ["poisson", "constant", "burst"])
def test_request_due_beyond_64_bits_is_never_due(arrivals: str) -> None:
    with start_tcp_server(echo) as port:
        changes = {"lifecycle": "session", "requests_per_session": 10**9, "rate_rps": 0.001, "arrivals": arrivals}
        result, _, _ = run_load(make_tcp_spec(port, **changes))
    assert result["scheduled"] == 0


def test_threads_share_one_schedule() -> None:
    with start_tcp_server(echo) as port:
        threads = Threads([min(os.sched_getaffinity(0))] * 2)
        try:
            with LoadGenerator(make_tcp_spec(port, arrivals="constant", raw_rows=10_000), threads) as generator:
                generator.open()
                generator.load(0.3)
                raw = generator.raw()
        finally:
            threads.close()
    assert gaps_ns(raw) == pytest.approx(500_000, abs=2)
    assert set(raw["connection"]) == set(range(8))


def test_latency_starts_at_intended_time_service_at_send() -> None:
    """Send a request every 10 ms to a server that takes 20 ms.

    With one connection each request waits longer than the last.
    """

    def slowly(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            time.sleep(0.02)  # the behaviour under test
            conn.sendall(data)

    with start_tcp_server(slowly) as port:
        spec = make_tcp_spec(port, connections=1, rate_rps=100.0, arrivals="constant", raw_rows=1000)
        result, _, raw = run_load(spec)
    assert result["latency_us"]["max"] > 10 * 10_000
    assert result["service_us"]["p50"] < 60_000
    assert result["pool_wait_share"] > 0.9
    assert (raw["ready_ns"] >= raw["intended_ns"]).all()
    assert (raw["sent_ns"] >= raw["ready_ns"]).all()
    assert (raw["received_ns"] > raw["sent_ns"]).all()


def test_unsent_requests_have_infinite_latency() -> None:
    def mute(conn: socket.socket, _number: int) -> None:
        while conn.recv(65536):
            pass

    with start_tcp_server(mute) as port:
        result, _, _ = run_load(make_tcp_spec(port, connections=2, timeout_s=0.1))
    assert result["unsent"] > 0
    assert result["ledger"]["ok"] == 0
    assert result["latency_us"]["p50"] == "inf"
    assert result["latency_us"]["count"] == result["scheduled"]


def test_deep_datagram_connection_matches_reordered_replies() -> None:
    held_back: list[bytes] = []

    def swap_pairs(_number: int, datagram: bytes) -> list[bytes]:
        held_back.append(datagram)
        if len(held_back) < 2:
            return []
        first, second = held_back[0], held_back[1]
        held_back.clear()
        return [second, first]

    with start_udp_server(swap_pairs) as port:
        result, _, _ = run_load(make_udp_spec(port, connections=1, depth=64, arrivals="constant"))
    sent = result["sent"]
    assert result["ledger"]["ok"] >= sent - 1  # the last request has no partner if their number is odd
    assert result["ledger"]["reordered"] == result["ledger"]["ok"] // 2
    assert result["ledger"]["corrupt"] == result["ledger"]["duplicate"] == 0


@pytest.mark.parametrize("depth", [1, 7])
@pytest.mark.parametrize("protocol", ["echo", "hola"])
def test_deep_stream_matches_replies_in_order(protocol: str, depth: int) -> None:
    def converse(conn: socket.socket, number: int) -> None:
        if protocol == "echo":
            echo(conn, number)
            return
        while data := conn.recv(4 * 1000):
            conn.sendall(b"pues hola" * (len(data) // 4))

    with start_tcp_server(converse) as port:
        spec = make_tcp_spec(port, protocol=protocol, depth=depth, connections=2, rate_rps=0.0)
        result, _, _ = run_load(spec)
        full = any(run_load(spec, 0.05)[0]["in_flight_mean"] > 0.95 * 2 * depth for _ in range(20))
    assert result["ledger"]["ok"] == result["sent"] > 2 * depth
    assert result["in_flight_mean"] <= 2 * depth
    assert full, "an undisturbed load uses every slot"
    assert result["errors"] == {}


def test_mixed_sizes_follow_their_weights() -> None:
    sizes: list[int] = []

    def note(_number: int, datagram: bytes) -> list[bytes]:
        sizes.append(len(datagram))
        return [datagram]

    with start_udp_server(note) as port:
        result, _, _ = run_load(make_udp_spec(port, mix=((12, 3.0), (700, 1.0)), rate_rps=0.0, depth=4))
    assert result["ledger"]["ok"] == result["sent"] == len(sizes)
    assert set(sizes) == {12, 700}
    assert sizes.count(700) / len(sizes) == pytest.approx(0.25, abs=0.1)


def test_think_time_separates_reply_and_next_request() -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, rate_rps=0.0, connections=2, think_s=0.02, raw_rows=1000)
        result, _, raw = run_load(spec)
    assert 2 < result["sent"] <= 2 * (0.3 / 0.02 + 1)
    for connection in range(2):
        rows = raw[raw["connection"] == connection]
        assert (rows["sent_ns"][1:] - rows["received_ns"][:-1] >= 20_000_000).all()


@pytest.mark.parametrize(("lifecycle", "requests"), [("session", 3), ("per_request", 1)])
def test_open_loop_sessions_begin_on_the_schedule(lifecycle: str, requests: int) -> None:
    ended: list[int] = []

    def count(conn: socket.socket, _number: int) -> None:
        served = 0
        while data := conn.recv(65536):
            conn.sendall(data)
            served += 1
        ended.append(served)

    with start_tcp_server(count) as port:
        spec = make_tcp_spec(port, lifecycle=lifecycle, requests_per_session=3, rate_rps=600.0, connections=32)
        result, _, _ = run_load(spec)
    assert set(ended) == {requests}
    assert result["sent"] == result["scheduled"] == requests * len(ended) > 60
    assert result["connect_us"]["count"] == len(ended)


def test_refused_session_is_unsent() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    result, _, _ = run_load(make_tcp_spec(port, lifecycle="session", requests_per_session=3))
    assert result["sent"] == 0
    assert result["unsent"] == result["scheduled"] > 0
    assert result["errors"]["connect_refused"] == result["scheduled"] // 3
    assert result["latency_us"]["p50"] == "inf"


def test_open_loop_reopens_reset_connections() -> None:
    def reset_at_the_tenth(conn: socket.socket, _number: int) -> None:
        for _ in range(10):
            data = conn.recv(64)
            if not data:
                return
            conn.sendall(data)
        conn.recv(64)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST

    with start_tcp_server(reset_at_the_tenth) as port:
        result, _, _ = run_load(make_tcp_spec(port, connections=4))
    assert result["errors"]["reset"] == result["ledger"]["lost"] > 4
    assert result["ledger"]["ok"] + result["ledger"]["lost"] == result["sent"]


def test_late_replies_are_late_in_ledger_and_raw_rows() -> None:
    """Hold every tenth of the first replies back past its timeout.

    They are sent before the load ends.
    """
    held_back: list[tuple[float, bytes]] = []

    def hold(number: int, datagram: bytes) -> list[bytes]:
        now_s = time.monotonic()
        ripe = [data for since_s, data in held_back if now_s - since_s > 0.1]
        held_back[:] = [(since_s, data) for since_s, data in held_back if now_s - since_s <= 0.1]
        if number % 10 == 0 and number <= 300:
            held_back.append((now_s, datagram))
            return ripe
        return [datagram, *ripe]

    with start_udp_server(hold) as port:
        spec = make_udp_spec(port, connections=1, depth=128, timeout_s=0.05, raw_rows=10_000, rate_rps=1000.0)
        result, _, raw = run_load(spec, seconds=1.5)
    outcomes = {outcome: int((raw["outcome"] == outcome).sum()) for outcome in (OUTCOME_OK, OUTCOME_LATE, OUTCOME_LOST)}
    ledger = result["ledger"]
    assert held_back == []
    assert ledger["late"] >= 30  # a stall of the machine makes others late, too
    assert ledger["duplicate"] == 0
    assert outcomes == {OUTCOME_OK: ledger["ok"], OUTCOME_LATE: ledger["late"], OUTCOME_LOST: ledger["lost"]}


def test_ledger_balances_under_overload() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        stop = threading.Event()

        def serve() -> None:
            sock.settimeout(0.05)
            while not stop.is_set():
                try:
                    data, peer = sock.recvfrom(2048)
                except TimeoutError:
                    continue
                sock.sendto(data, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        port = sock.getsockname()[1]
        result, _, _ = run_load(
            make_udp_spec(port, connections=16, depth=1024, rate_rps=300_000.0, timeout_s=0.2), seconds=0.2
        )
        stop.set()
        thread.join()
    assert result["scheduled"] == pytest.approx(60_000, rel=0.05)
    assert result["ledger"]["lost"] > 0


def test_raw_rows_beyond_the_limit_are_counted() -> None:
    with start_tcp_server(echo) as port:
        result, slice_, raw = run_load(make_tcp_spec(port, raw_rows=100))
    assert len(raw) == 100
    assert slice_.counts.tally["raw_dropped"] == result["sent"] - 100


@pytest.mark.parametrize("rate_rps", [0.0, 5000.0])
def test_memory_does_not_grow_with_load_length(rate_rps: float) -> None:
    with server("select", "udp") as ready:
        spec = make_udp_spec(ready["port"], rate_rps=rate_rps, connections=8)
        threads = Threads()
        try:
            with LoadGenerator(spec, threads) as generator:
                generator.open()
                for _ in range(5):  # the first loads touch memory that later ones reuse
                    generator.load(0.1)
                before_bytes = psutil.Process().memory_info().rss
                answered = generator.load(2.0).counts.tally["ok"]
                grown_bytes = psutil.Process().memory_info().rss - before_bytes
        finally:
            threads.close()
    assert answered > 2000
    assert grown_bytes < 256 * 1024

"""The closed loop over UDP, against servers of known behaviour."""

import os
import socket
import threading
import time
from typing import Any

import pytest

from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from clients.result_document import make_document
from clients.worker_answers import describe_slice
from tests.generator.loads import make_tcp_spec, make_udp_spec, run_load
from tests.support.commands import run_python
from tests.support.scripted_servers import HOST, echo, start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("message_bytes", [1, 12, 64, 1472, 65_507])
def test_closed_loop_counts_every_datagram_once(threads: Threads, message_bytes: int) -> None:
    with start_udp_server(lambda _number, datagram: [datagram]) as port:
        result = run_load(threads, make_udp_spec(port, connections=3, message_bytes=message_bytes, timeout_s=5.0))
    assert result["ledger"]["ok"] == result["sent"] > 0
    assert result["errors"] == {}
    codes = {code.partition("=")[0] for code in result["verdict"]["codes"]}
    assert codes.isdisjoint({"CORRUPT_REPLIES", "LOSS", "LATE_REPLIES", "ERRORS"})


def test_discarded_slice_leaves_no_trace(threads: Threads) -> None:
    with start_tcp_server(echo) as port, LoadGenerator(make_tcp_spec(port, connections=2), threads) as generator:
        generator.open()

        def counts() -> dict[str, Any]:
            result = make_document(generator.spec, generator.totals, generator.served(), threads.cpus)
            return {name: value for name, value in result.items() if name not in ("generator", "verdict")}

        generator.load(0.03)
        before = counts()
        generator.load(0.03)
        assert counts() != before
        generator.discard_last()
        after = counts()
    assert before["fairness"]["served_max"] > 0
    assert after == {
        **before,
        "duration_s": pytest.approx(before["duration_s"]),
        "throughput_rps": after["throughput_rps"],
    }


def test_slice_with_lost_median_has_infinite_p50(threads: Threads) -> None:
    def one_in_three(number: int, datagram: bytes) -> list[bytes]:
        return [datagram] if number % 3 == 0 else []

    with (
        start_udp_server(one_in_three) as port,
        LoadGenerator(make_udp_spec(port, connections=64, timeout_s=0.02), threads) as generator,
    ):
        generator.open()
        slice_row = describe_slice(generator.spec, generator.load(0.2))
    assert slice_row["answered"] > 20
    assert slice_row["service_p50_us"] == "inf"


def test_dropped_datagram_is_lost_and_load_continues(threads: Threads) -> None:
    dropped = 0

    def drop(number: int, datagram: bytes) -> list[bytes]:
        nonlocal dropped
        dropped += number % 20 == 0
        return [] if number % 20 == 0 else [datagram]

    with start_udp_server(drop) as port:
        result = run_load(threads, make_udp_spec(port), seconds=0.4)
    assert result["ledger"]["lost"] + result["ledger"]["late"] >= dropped > 0
    assert result["ledger"]["lost"] >= dropped  # a stall of the machine may lose more; none of these is answered later
    assert result["errors"]["timeout"] == result["ledger"]["lost"] + result["ledger"]["late"]


def test_lost_datagrams_have_infinite_latency(threads: Threads) -> None:
    with start_udp_server(lambda number, datagram: [] if number % 3 == 0 else [datagram]) as port:
        result = run_load(threads, make_udp_spec(port, connections=8), seconds=1.2)
    assert result["sent"] >= 100
    assert result["service_us"]["p50"] < 50_000
    assert result["service_us"]["p90"] == "inf"


def test_reply_after_the_end_is_in_the_histogram(threads: Threads) -> None:
    def slowly(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            time.sleep(0.15)  # the behaviour under test: longer than the whole load
            conn.sendall(data)

    with start_tcp_server(slowly) as port:
        result = run_load(threads, make_tcp_spec(port, timeout_s=5.0), seconds=0.05)
    assert result["replies"] == 0
    assert result["service_us"]["count"] == 1
    assert result["service_us"]["max"] >= 150_000


def test_idle_polls_are_not_counted_as_cpu_time() -> None:
    pool = Threads([min(os.sched_getaffinity(0))])
    try:
        with (
            start_tcp_server(echo) as port,
            LoadGenerator(make_tcp_spec(port, connections=8, spin=True), pool) as generator,
        ):
            generator.open()
            busy = generator.load(0.3)
    finally:
        pool.close()
    assert 0 < busy.counts.tally["idle_ns"] < busy.usage.elapsed_s * 1e9
    assert busy.usage.cpu_s >= busy.counts.tally["ok"] * 1e-6  # a send and a receive take more than a microsecond


@pytest.mark.parametrize("spin", [True, False])
def test_wait_for_a_lost_reply_is_excluded_from_elapsed_time(spin: bool) -> None:
    pool = Threads([min(os.sched_getaffinity(0))])
    try:
        with (
            start_udp_server(lambda _number, _datagram: []) as port,
            LoadGenerator(make_udp_spec(port, timeout_s=1.0, spin=spin), pool) as generator,
        ):
            generator.open()
            slice_ = generator.load(0.05)
    finally:
        pool.close()
    assert slice_.counts.tally["timed_out"] == 1
    assert slice_.counts.tally["drained_ns"] > slice_.usage.elapsed_s * 1e9


def test_second_copy_of_a_reply_is_a_duplicate(threads: Threads) -> None:
    copies = 0

    def twice(number: int, datagram: bytes) -> list[bytes]:
        nonlocal copies
        copies += number % 5 == 0
        return [datagram] * (1 + (number % 5 == 0))

    with start_udp_server(twice) as port:
        result = run_load(threads, make_udp_spec(port, timeout_s=5.0))
    assert result["ledger"]["ok"] == result["sent"]
    assert copies - 1 <= result["ledger"]["duplicate"] <= copies  # the last copy may arrive after the last read


def test_reply_after_the_timeout_is_late_not_lost(threads: Threads) -> None:
    held_back: list[bytes] = []

    def hold_every_tenth(number: int, datagram: bytes) -> list[bytes]:
        if number % 10 == 0:
            held_back.append(datagram)
            return []
        return [datagram, *(held_back.pop() for _ in range(len(held_back)))]

    with start_udp_server(hold_every_tenth) as port:
        result = run_load(threads, make_udp_spec(port), seconds=0.6)
    late, lost = result["ledger"]["late"], result["ledger"]["lost"]
    assert late >= result["sent"] // 10 - 1 > 0
    assert lost <= 1  # the last reply held back, if the load ended first
    assert result["ledger"]["duplicate"] == 0


@pytest.mark.parametrize("corrupt", [lambda data: data[:-1] + b"!", lambda data: data[:20], lambda data: data + b"!"])
def test_changed_cut_or_longer_datagram_is_corrupt(threads: Threads, corrupt: Any) -> None:
    with start_udp_server(lambda number, data: [corrupt(data) if number % 7 == 0 else data]) as port:
        result = run_load(threads, make_udp_spec(port, timeout_s=5.0))
    assert result["ledger"]["corrupt"] == result["sent"] // 7 > 0
    assert result["verdict"]["status"] == "invalid"


def test_late_hola_reply_is_not_matched_to_the_next_request(threads: Threads) -> None:
    """Send a late reply to its own port while the next request is in flight."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(10)
        with LoadGenerator(make_udp_spec(sock.getsockname()[1], protocol="hola"), threads) as generator:
            generator.open()

            def serve() -> None:
                try:
                    _, first = sock.recvfrom(100)
                    _, second = sock.recvfrom(100)
                    sock.sendto(b"pues hola", first)  # late; the second request is not answered
                    peers.extend([first, second])
                finally:
                    generator.stop()

            peers: list[Any] = []
            thread = threading.Thread(target=serve)
            thread.start()
            tally = generator.load(30.0).counts.tally
            thread.join()
    assert peers[0] != peers[1]
    assert tally["ok"] == 0
    assert tally["timed_out"] == tally["sent"] >= 2


def test_second_copy_of_a_hola_reply_is_a_duplicate(threads: Threads) -> None:
    answered = 0

    def twice(_number: int, _datagram: bytes) -> list[bytes]:
        nonlocal answered
        answered += 1
        return [b"pues hola"] * 2

    with start_udp_server(twice) as port:
        result = run_load(threads, make_udp_spec(port, protocol="hola", timeout_s=5.0), seconds=0.2)
    assert result["ledger"]["duplicate"] > 0
    assert result["ledger"]["ok"] == result["sent"]


NOTES_ORDER = """
import sys
from clients.engine import scheduler, syscalls
from clients.engine.threads import Threads
from clients.engine.views import clock
from clients.generator import LoadGenerator
from clients.load_spec import LoadSpec

opened_ns, sent_ns = [], []
open_connection, send_request = scheduler.open_connection, scheduler.send_request

def note_opening(state, *arguments):
    result = open_connection(state, *arguments)
    opened_ns.append(syscalls.now_ns(clock(state)))
    return result

def note_sending(state, params, i, intended_ns, ready_ns, now_ns):
    sent_ns.append(now_ns)
    return send_request(state, params, i, intended_ns, ready_ns, now_ns)

scheduler.open_connection, scheduler.send_request = note_opening, note_sending
threads = Threads(())
spec = LoadSpec("udp", "127.0.0.1", int(sys.argv[1]), lifecycle="session", requests_per_session=1)
with LoadGenerator(spec, threads) as generator:
    generator.open()
    generator.load(0.05)
threads.close()
assert len(opened_ns) == len(sent_ns) > 0
print(sum(sent < opened for opened, sent in zip(opened_ns, sent_ns)), "sent before the socket was open")
"""


def test_first_request_of_a_session_is_timed_from_the_open_socket_on() -> None:
    with start_udp_server(lambda _number, datagram: [datagram]) as port:
        completed = run_python("-c", NOTES_ORDER, str(port), NUMBA_DISABLE_JIT="1")
    assert completed.stdout == "0 sent before the socket was open\n", completed.stderr


def test_endless_session_is_cut_after_the_timeout(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, lifecycle="session", requests_per_session=10**9, timeout_s=1.0)
        result = run_load(threads, spec, seconds=0.1)
    assert result["ledger"]["ok"] == result["sent"] > 0


def test_udp_port_without_server_counts_unreachable(threads: Threads) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
    result = run_load(threads, make_udp_spec(port))
    assert result["ledger"]["ok"] == 0
    assert result["errors"]["unreachable"] > 0
    assert "NO_REPLIES" in result["verdict"]["codes"]

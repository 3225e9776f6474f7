"""The closed loop against servers of known behaviour."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from clients.load_spec import LoadSpec
from clients.result_document import Context, document
from clients.worker import figures
from tests.generator.scripted import HOST, echo, tcp_server, udp_server


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads()
    yield pool
    pool.close()


def load(threads: Threads, settings: LoadSpec, seconds: float = 0.1, slices: int = 1) -> dict[str, Any]:
    """Load a server and return the document, in which nothing may be missing."""
    with LoadGenerator(settings, threads) as target:
        target.open()
        for _ in range(slices):
            last = target.load(seconds)
        result = document(settings, target.totals, target.served(), threads.cpus, Context(parts=last))
    ledger = result["ledger"]
    assert result["sent"] == ledger["ok"] + ledger["late"] + ledger["lost"] + ledger["corrupt"]
    assert last.tally["counted"] == last.headline.sum() + last.missed.sum()
    return result


def udp(port: int, **changes: Any) -> LoadSpec:
    return LoadSpec("udp", HOST, port, **{"timeout_s": 0.05, **changes})


def tcp(port: int, **changes: Any) -> LoadSpec:
    return LoadSpec("tcp", HOST, port, **{"timeout_s": 5.0, **changes})


@pytest.mark.parametrize("message_bytes", [1, 12, 64, 1472, 65_507])
def test_every_datagram_of_an_honest_server_is_counted_once(threads: Threads, message_bytes: int) -> None:
    with udp_server(lambda _number, datagram: [datagram]) as port:
        result = load(threads, udp(port, connections=3, message_bytes=message_bytes, timeout_s=5.0))
    assert result["ledger"]["ok"] == result["sent"] > 0
    assert result["errors"] == {}
    codes = {code.partition("=")[0] for code in result["verdict"]["codes"]}
    assert codes.isdisjoint({"CORRUPT", "LOSS", "LATE", "ERRORS"})


def test_a_slice_that_is_forgotten_leaves_nothing_behind(threads: Threads) -> None:
    with tcp_server(echo) as port, LoadGenerator(tcp(port, connections=2), threads) as target:
        target.open()

        def known() -> dict[str, Any]:
            found = document(target.settings, target.totals, target.served(), threads.cpus)
            return {name: value for name, value in found.items() if name not in ("generator", "verdict")}

        target.load(0.03)
        before = known()
        target.load(0.03)
        assert known() != before
        target.forget()
        after = known()
    assert before["fairness"]["served_max"] > 0
    assert after == {
        **before,
        "duration_s": pytest.approx(before["duration_s"]),
        "throughput_rps": after["throughput_rps"],
    }


def test_a_slice_whose_median_was_lost_says_so(threads: Threads) -> None:
    def one_in_three(number: int, datagram: bytes) -> list[bytes]:
        return [datagram] if number % 3 == 0 else []

    with udp_server(one_in_three) as port, LoadGenerator(udp(port, connections=64, timeout_s=0.02), threads) as target:
        target.open()
        told = figures(target.settings, target.load(0.2))
    assert told["answered"] > 20
    assert told["service_p50_us"] == "inf"


def test_a_dropped_datagram_is_lost_and_the_next_request_goes_on(threads: Threads) -> None:
    dropped = 0

    def drop(number: int, datagram: bytes) -> list[bytes]:
        nonlocal dropped
        dropped += number % 20 == 0
        return [] if number % 20 == 0 else [datagram]

    with udp_server(drop) as port:
        result = load(threads, udp(port), seconds=0.4)
    assert result["ledger"]["lost"] + result["ledger"]["late"] >= dropped > 0
    assert result["ledger"]["lost"] >= dropped  # a stall of the machine may lose more, but none of these comes back
    assert result["errors"]["timeout"] == result["ledger"]["lost"] + result["ledger"]["late"]


def test_lost_datagrams_are_infinite_in_the_percentiles(threads: Threads) -> None:
    with udp_server(lambda number, datagram: [] if number % 3 == 0 else [datagram]) as port:
        result = load(threads, udp(port, connections=8), seconds=1.2)
    assert result["sent"] >= 100
    assert result["service_us"]["p50"] < 50_000
    assert result["service_us"]["p90"] == "inf"


def test_a_slow_reply_after_the_end_is_still_in_the_figures(threads: Threads) -> None:
    def slowly(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            time.sleep(0.15)  # the behaviour that is put to the test: longer than the whole load
            conn.sendall(data)

    with tcp_server(slowly) as port:
        result = load(threads, tcp(port, timeout_s=5.0), seconds=0.05)
    assert result["replies"] == 0
    assert result["service_us"]["count"] == 1
    assert result["service_us"]["max"] >= 150_000


def test_idle_polls_are_not_work_and_work_is_not_idle() -> None:
    pool = Threads([min(os.sched_getaffinity(0))])
    try:
        with tcp_server(echo) as port, LoadGenerator(tcp(port, connections=8, spin=True), pool) as target:
            target.open()
            busy = target.load(0.3)
    finally:
        pool.close()
    assert 0 < busy.tally["idle_ns"] < busy.elapsed_s * 1e9
    assert busy.cpu_s >= busy.tally["ok"] * 1e-6  # a send and a receive take more than a microsecond


@pytest.mark.parametrize("spin", [True, False])
def test_the_wait_for_a_reply_that_never_comes_is_no_part_of_the_load(spin: bool) -> None:
    pool = Threads([min(os.sched_getaffinity(0))])
    try:
        with (
            udp_server(lambda _number, _datagram: []) as port,
            LoadGenerator(udp(port, timeout_s=1.0, spin=spin), pool) as target,
        ):
            target.open()
            found = target.load(0.05)
    finally:
        pool.close()
    assert found.tally["timed_out"] == 1
    assert found.tally["drained_ns"] > found.elapsed_s * 1e9


def test_a_second_copy_of_a_reply_is_a_duplicate(threads: Threads) -> None:
    copies = 0

    def twice(number: int, datagram: bytes) -> list[bytes]:
        nonlocal copies
        copies += number % 5 == 0
        return [datagram] * (1 + (number % 5 == 0))

    with udp_server(twice) as port:
        result = load(threads, udp(port, timeout_s=5.0))
    assert result["ledger"]["ok"] == result["sent"]
    assert copies - 1 <= result["ledger"]["duplicate"] <= copies  # the last copy may come when nobody reads any more


def test_a_reply_after_the_timeout_is_late_and_not_lost(threads: Threads) -> None:
    held: list[bytes] = []

    def hold_every_tenth(number: int, datagram: bytes) -> list[bytes]:
        if number % 10 == 0:
            held.append(datagram)
            return []
        return [datagram, *(held.pop() for _ in range(len(held)))]

    with udp_server(hold_every_tenth) as port:
        result = load(threads, udp(port), seconds=0.6)
    late, lost = result["ledger"]["late"], result["ledger"]["lost"]
    assert late >= result["sent"] // 10 - 1 > 0
    assert lost <= 1  # the last one held, if the load ended before its turn
    assert result["ledger"]["duplicate"] == 0


@pytest.mark.parametrize("spoil", [lambda data: data[:-1] + b"!", lambda data: data[:20], lambda data: data + b"!"])
def test_a_changed_or_cut_or_longer_datagram_is_corrupt(threads: Threads, spoil: Any) -> None:
    with udp_server(lambda number, data: [spoil(data) if number % 7 == 0 else data]) as port:
        result = load(threads, udp(port, timeout_s=5.0))
    assert result["ledger"]["corrupt"] == result["sent"] // 7 > 0
    assert result["verdict"]["status"] == "invalid"


def test_a_late_hola_is_never_taken_for_the_next_one(threads: Threads) -> None:
    """The reply to a request that was given up is sent to where that came from, while the next one is under way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(10)
        with LoadGenerator(udp(sock.getsockname()[1], protocol="hola"), threads) as target:
            target.open()

            def serve() -> None:
                try:
                    _, first = sock.recvfrom(100)
                    _, second = sock.recvfrom(100)
                    sock.sendto(b"pues hola", first)  # late; the second is not answered
                    peers.extend([first, second])
                finally:
                    target.stop()

            peers: list[Any] = []
            thread = threading.Thread(target=serve)
            thread.start()
            tally = target.load(30.0).tally
            thread.join()
    assert peers[0] != peers[1]
    assert tally["ok"] == 0
    assert tally["timed_out"] == tally["sent"] >= 2


def test_a_second_copy_of_a_hola_is_a_duplicate_and_no_reply(threads: Threads) -> None:
    answered = 0

    def twice(_number: int, _datagram: bytes) -> list[bytes]:
        nonlocal answered
        answered += 1
        return [b"pues hola"] * 2

    with udp_server(twice) as port:
        result = load(threads, udp(port, protocol="hola", timeout_s=5.0), seconds=0.2)
    assert result["ledger"]["duplicate"] > 0
    assert result["ledger"]["ok"] == result["sent"]


def test_a_session_without_end_is_cut_after_the_timeout(threads: Threads) -> None:
    with tcp_server(echo) as port:
        settings = tcp(port, lifecycle="session", requests_per_session=10**9, timeout_s=1.0)
        result = load(threads, settings, seconds=0.1)
    assert result["ledger"]["ok"] == result["sent"] > 0


def test_a_udp_port_without_a_server_is_counted_by_kind(threads: Threads) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
    result = load(threads, udp(port))
    assert result["ledger"]["ok"] == 0
    assert result["errors"]["unreachable"] > 0
    assert "NO_REPLIES" in result["verdict"]["codes"]


@pytest.mark.parametrize("message_bytes", [1, 64, 300_000])
def test_every_reply_of_an_honest_stream_is_counted_once(threads: Threads, message_bytes: int) -> None:
    with tcp_server(echo) as port:
        result = load(threads, tcp(port, connections=4, message_bytes=message_bytes, timeout_s=5.0), slices=2)
    assert result["ledger"]["ok"] == result["sent"] > 0
    assert result["errors"] == {}
    assert result["fairness"]["starved"] == 0


def test_a_message_larger_than_all_buffers_comes_back_whole(threads: Threads) -> None:
    with tcp_server(echo) as port:
        result = load(threads, tcp(port, message_bytes=8 << 20, timeout_s=10.0))
    assert result["ledger"]["ok"] == result["sent"] > 0


def test_replies_byte_by_byte_are_put_together(threads: Threads) -> None:
    def one_by_one(conn: socket.socket, _number: int) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := conn.recv(65536):
            for k in range(len(data)):
                conn.sendall(data[k : k + 1])

    with tcp_server(one_by_one) as port:
        result = load(threads, tcp(port, connections=2))
    assert result["ledger"]["ok"] == result["sent"] > 0


def test_wrong_bytes_are_corrupt_and_the_connection_is_opened_anew(threads: Threads) -> None:
    def lie_once(conn: socket.socket, number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(b"?" * len(data) if number == 1 else data)

    with tcp_server(lie_once) as port:
        result = load(threads, tcp(port))
    assert result["ledger"]["corrupt"] == 1
    assert result["errors"] == {"wrong_reply": 1}
    assert result["ledger"]["ok"] == result["sent"] - 1 > 0


def test_more_bytes_than_were_asked_for_are_corrupt(threads: Threads) -> None:
    def too_much(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(data + b"more")

    with tcp_server(too_much) as port:
        result = load(threads, tcp(port))
    assert result["ledger"]["corrupt"] == result["sent"] > 0


def test_a_mute_server_costs_each_request_its_timeout(threads: Threads) -> None:
    def mute(conn: socket.socket, _number: int) -> None:
        while conn.recv(65536):
            pass

    with tcp_server(mute) as port:
        result = load(threads, tcp(port, connections=3, timeout_s=0.02))
    assert result["ledger"]["ok"] == 0
    assert result["errors"] == {"timeout": result["ledger"]["lost"]}
    assert result["fairness"]["starved"] == 3


def test_a_reset_is_counted_and_the_others_go_on(threads: Threads) -> None:
    def reset_the_first(conn: socket.socket, number: int) -> None:
        if number > 1:
            echo(conn, number)
            return
        conn.recv(65536)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST

    with tcp_server(reset_the_first) as port:
        result = load(threads, tcp(port, connections=4))
    assert result["errors"] == {"reset": 1}
    assert result["ledger"]["lost"] == 1
    assert result["fairness"]["starved"] == 0  # the one that was reset was opened again


def test_an_orderly_close_after_each_reply_is_counted_as_closed(threads: Threads) -> None:
    def once(conn: socket.socket, _number: int) -> None:
        conn.sendall(conn.recv(65536))

    with tcp_server(once) as port:
        result = load(threads, tcp(port))
    assert set(result["errors"]) <= {"closed", "reset"}
    assert result["ledger"]["ok"] > 1


def test_a_port_without_a_listener_refuses_every_connect(threads: Threads) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    result = load(threads, tcp(port))
    assert result["sent"] == 0
    assert set(result["errors"]) == {"connect_refused"}


@pytest.mark.parametrize("protocol", ["echo", "hola"])
def test_sessions_connect_ask_and_close(threads: Threads, protocol: str) -> None:
    requests: list[int] = []

    def session(conn: socket.socket, _number: int) -> None:
        count = 0
        while data := conn.recv(65536):
            count += 1
            conn.sendall(data if protocol == "echo" else b"pues " + data)
            if data == b"adios":
                break
        requests.append(count)

    with tcp_server(session) as port:
        settings = tcp(port, protocol=protocol, lifecycle="session", connections=3, requests_per_session=4)
        result = load(threads, settings)
    per_session = 4 if protocol == "echo" else 5
    assert set(requests) == {per_session}
    assert result["sent"] == per_session * len(requests)
    assert 0 < result["sessions"] <= len(requests)
    assert result["connect_us"]["count"] == len(requests)
    assert result["errors"] == {}


def test_a_server_that_stays_after_adios_is_an_error(threads: Threads) -> None:
    def stay(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(b"pues " + data)

    with tcp_server(stay) as port:
        result = load(threads, tcp(port, protocol="hola", lifecycle="session", timeout_s=0.02))
    assert result["sessions"] == 0
    assert result["errors"]["timeout"] > 0


def test_the_load_can_be_ended_early_from_another_thread(threads: Threads) -> None:
    with tcp_server(echo) as port, LoadGenerator(tcp(port, parts=4), threads) as target:
        target.open()
        stopper = threading.Timer(0.2, target.stop)
        stopper.start()
        slice_ = target.load(30.0)
        stopper.join()
    assert slice_.duration_s < 29
    assert slice_.tally["ok"] == slice_.tally["sent"] > 0


def test_connections_are_shared_out_among_the_threads() -> None:
    pool = Threads([min(os.sched_getaffinity(0))] * 3)
    try:
        with tcp_server(echo) as port:
            result = load(pool, tcp(port, connections=7))
    finally:
        pool.close()
    assert result["fairness"]["starved"] == 0
    assert result["generator"]["threads"] == 3
    assert result["ledger"]["ok"] == result["sent"]


def test_the_window_counts_only_what_is_inside_it(threads: Threads) -> None:
    with tcp_server(echo) as port, LoadGenerator(tcp(port, timeout_s=5.0, raw_rows=500_000), threads) as target:
        target.open()
        slice_ = target.load(1.0, warmup_s=0.5)
        raw = target.raw()
    assert slice_.duration_s == pytest.approx(0.5)
    assert slice_.tally["raw_dropped"] == 0
    begin_ns = round(slice_.start_s * 1e9)
    end_ns = begin_ns + round(slice_.duration_s * 1e9)
    sent, came = ((begin_ns <= raw[stamp]) & (raw[stamp] <= end_ns) for stamp in ("sent_ns", "received_ns"))
    assert 0 < slice_.tally["replies"] == came.sum() < slice_.tally["ok"]
    assert 0 < slice_.headline.sum() == slice_.tally["counted"] == sent.sum() < slice_.tally["sent"]

"""The closed loop over TCP, against servers of known behaviour."""

import os
import socket
import struct
import threading

import pytest

from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from tests.generator.loads import make_tcp_spec, run_load
from tests.support.scripted_servers import HOST, echo, start_tcp_server

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("message_bytes", [1, 64, 300_000])
def test_closed_loop_counts_every_stream_reply_once(threads: Threads, message_bytes: int) -> None:
    with start_tcp_server(echo) as port:
        result = run_load(
            threads, make_tcp_spec(port, connections=4, message_bytes=message_bytes, timeout_s=5.0), slices=2
        )
    assert result["ledger"]["ok"] == result["sent"] > 0
    assert result["errors"] == {}
    assert result["fairness"]["starved"] == 0


def test_message_larger_than_all_buffers_is_echoed(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        result = run_load(threads, make_tcp_spec(port, message_bytes=8 << 20, timeout_s=10.0))
    assert result["ledger"]["ok"] == result["sent"] > 0


def test_reply_in_single_bytes_is_reassembled(threads: Threads) -> None:
    def one_by_one(conn: socket.socket, _number: int) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := conn.recv(65536):
            for k in range(len(data)):
                conn.sendall(data[k : k + 1])

    with start_tcp_server(one_by_one) as port:
        result = run_load(threads, make_tcp_spec(port, connections=2))
    assert result["ledger"]["ok"] == result["sent"] > 0


def test_wrong_bytes_are_corrupt_and_the_connection_reopens(threads: Threads) -> None:
    def lie_once(conn: socket.socket, number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(b"?" * len(data) if number == 1 else data)

    with start_tcp_server(lie_once) as port:
        result = run_load(threads, make_tcp_spec(port))
    assert result["ledger"]["corrupt"] == 1
    assert result["errors"] == {"wrong_reply": 1}
    assert result["ledger"]["ok"] == result["sent"] - 1 > 0


def test_stream_with_extra_bytes_is_corrupt(threads: Threads) -> None:
    def too_much(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(data + b"more")

    with start_tcp_server(too_much) as port:
        result = run_load(threads, make_tcp_spec(port))
    assert result["ledger"]["corrupt"] == result["sent"] > 0


def test_mute_server_times_out_every_request(threads: Threads) -> None:
    def mute(conn: socket.socket, _number: int) -> None:
        while conn.recv(65536):
            pass

    with start_tcp_server(mute) as port:
        result = run_load(threads, make_tcp_spec(port, connections=3, timeout_s=0.02))
    assert result["ledger"]["ok"] == 0
    assert result["errors"] == {"timeout": result["ledger"]["lost"]}
    assert result["fairness"]["starved"] == 3


def test_reset_is_counted_and_the_connection_reopens(threads: Threads) -> None:
    def reset_the_first(conn: socket.socket, number: int) -> None:
        if number > 1:
            echo(conn, number)
            return
        conn.recv(65536)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST

    with start_tcp_server(reset_the_first) as port:
        result = run_load(threads, make_tcp_spec(port, connections=4))
    assert result["errors"] == {"reset": 1}
    assert result["ledger"]["lost"] == 1
    assert result["fairness"]["starved"] == 0  # the connection that was reset was opened again


def test_close_after_each_reply_is_counted_as_closed(threads: Threads) -> None:
    def once(conn: socket.socket, _number: int) -> None:
        conn.sendall(conn.recv(65536))

    with start_tcp_server(once) as port:
        result = run_load(threads, make_tcp_spec(port))
    assert set(result["errors"]) <= {"closed", "reset"}
    assert result["ledger"]["ok"] > 1


def test_tcp_port_without_listener_counts_connect_refused(threads: Threads) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    result = run_load(threads, make_tcp_spec(port))
    assert result["sent"] == 0
    assert set(result["errors"]) == {"connect_refused"}


@pytest.mark.parametrize("protocol", ["echo", "hola"])
def test_sessions_connect_request_and_close(threads: Threads, protocol: str) -> None:
    requests: list[int] = []

    def session(conn: socket.socket, _number: int) -> None:
        count = 0
        while data := conn.recv(65536):
            count += 1
            conn.sendall(data if protocol == "echo" else b"pues " + data)
            if data == b"adios":
                break
        requests.append(count)

    with start_tcp_server(session) as port:
        spec = make_tcp_spec(port, protocol=protocol, lifecycle="session", connections=3, requests_per_session=4)
        result = run_load(threads, spec)
    per_session = 4 if protocol == "echo" else 5
    assert set(requests) == {per_session}
    assert result["sent"] == per_session * len(requests)
    assert 0 < result["sessions"] <= len(requests)
    assert result["connect_us"]["count"] == len(requests)
    assert result["errors"] == {}


def test_server_that_stays_open_after_adios_is_an_error(threads: Threads) -> None:
    def stay(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            conn.sendall(b"pues " + data)

    with start_tcp_server(stay) as port:
        result = run_load(threads, make_tcp_spec(port, protocol="hola", lifecycle="session", timeout_s=0.02))
    assert result["sessions"] == 0
    assert result["errors"]["timeout"] > 0


def test_stop_ends_a_load_from_another_thread(threads: Threads) -> None:
    with start_tcp_server(echo) as port, LoadGenerator(make_tcp_spec(port, parts=4), threads) as generator:
        generator.open()
        stopper = threading.Timer(0.2, generator.stop)
        stopper.start()
        slice_ = generator.load(30.0)
        stopper.join()
    assert slice_.duration_s < 29
    assert slice_.counts.tally["ok"] == slice_.counts.tally["sent"] > 0


def test_connections_are_divided_among_threads() -> None:
    pool = Threads([min(os.sched_getaffinity(0))] * 3)
    try:
        with start_tcp_server(echo) as port:
            result = run_load(pool, make_tcp_spec(port, connections=7))
    finally:
        pool.close()
    assert result["fairness"]["starved"] == 0
    assert result["generator"]["threads"] == 3
    assert result["ledger"]["ok"] == result["sent"]


def test_window_excludes_the_warm_up(threads: Threads) -> None:
    with (
        start_tcp_server(echo) as port,
        LoadGenerator(make_tcp_spec(port, timeout_s=5.0, raw_rows=500_000), threads) as generator,
    ):
        generator.open()
        slice_ = generator.load(1.0, warmup_s=0.5)
        raw = generator.raw()
    assert slice_.duration_s == pytest.approx(0.5)
    assert slice_.counts.tally["raw_dropped"] == 0
    begin_ns = round(slice_.start_s * 1e9)
    end_ns = begin_ns + round(slice_.duration_s * 1e9)
    sent, came = ((begin_ns <= raw[stamp]) & (raw[stamp] <= end_ns) for stamp in ("sent_ns", "received_ns"))
    assert 0 < slice_.counts.tally["replies"] == came.sum() < slice_.counts.tally["ok"]
    assert 0 < slice_.counts.primary.sum() == slice_.counts.tally["counted"] == sent.sum() < slice_.counts.tally["sent"]

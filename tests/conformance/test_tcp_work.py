"""The protocol work over TCP: frames, waits, computing, malformed frames, ends of connections."""

import os
import select
import socket

import pytest

from tests.conformance.cases import by_shared_server, models_with
from tests.conformance.checks import check_fresh_server
from tests.conformance.families import one_per_loop
from tests.support.servers import Server, start_server
from tests.support.sockets import assert_serves, connect, exchange, read_exactly, read_to_end, reset, start_writer
from tests.support.waiting import wait_until
from tests.support.work_frames import FRAME, MALFORMED, MAX_FRAME_BYTES, RELEASE, error_reason, make_frame

every_model = by_shared_server("tcp", "work")
every_loop = by_shared_server("tcp", "work", one_per_loop("tcp", "work"))

MIB = 1 << 20
NO_PROGRESS_S = 0.3  # a server that has taken nothing for so long has stopped reading
LONG_WAIT_US = 60_000_000  # no test waits for its end
# These notice only after a wait that the client has left: a thread or a coroutine that waits does not read.
NOTICES_AFTER_THE_WAIT = {
    "anyio",
    "asyncio_blocking",
    "asyncio_sockets",
    "asyncio_streams",
    "gevent",
    "iterative",
    "process_per_client",
    "socketserver_forking",
    "socketserver_threading",
    "thread_per_client",
    "thread_pool",
    "thread_switch_interval",
    "trio",
    "trio_streams",
}


@every_model
def test_tcp_work_ready_line_describes_server(server: Server) -> None:
    check_fresh_server(server)


@every_model
def test_tcp_work_replies_with_the_same_frame(server: Server) -> None:
    with connect(server) as conn:
        for compute in (0, 20, RELEASE, RELEASE | 20):
            for size, wait_us in ((0, 0), (1, 1), (1_000, 3_000), (100_000, 0), (MAX_FRAME_BYTES - 24, 500)):
                exchange(conn, make_frame(os.urandom(size), number=size, wait_us=wait_us, compute=compute))


@every_model
def test_tcp_work_replies_to_frames_sent_byte_by_byte(server: Server) -> None:
    frames = make_frame(b"one", wait_us=2_000) + make_frame(b"two")
    with connect(server) as conn:
        for byte in frames:
            conn.sendall(bytes([byte]))
        assert read_exactly(conn, len(frames)) == frames


@every_model
def test_tcp_work_answers_split_frame_once_complete(server: Server) -> None:
    with connect(server) as conn:
        exchange(conn, FRAME + FRAME[:10], FRAME)
        exchange(conn, FRAME[10:] + FRAME[:30], FRAME)
        exchange(conn, FRAME[30:], FRAME)


@every_model
def test_tcp_work_answers_requests_of_one_segment_in_order(server: Server) -> None:
    waits_us = (3_000, 0, 1_000, 0, 0, 2_000)
    frames = [make_frame(b"%d" % number, number=number, wait_us=waits_us[number % 6]) for number in range(60)]
    with connect(server) as conn:
        exchange(conn, b"".join(frames))
        exchange(conn, b"".join(make_frame(number=number) for number in range(4_000)))


@every_model
def test_tcp_work_after_half_close_answers_the_rest_then_closes(server: Server) -> None:
    frames = b"".join(make_frame(number=number, wait_us=2_000) for number in range(5)) + make_frame(bytes(200_000))
    with connect(server) as conn:
        conn.sendall(frames)
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == frames
    with connect(server) as conn:
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == b""


@every_model
def test_tcp_work_malformed_frame_gets_error_and_close(server: Server) -> None:
    first = make_frame(b"before", wait_us=1_000)
    for frame, reason in MALFORMED:
        with connect(server) as conn:
            conn.sendall(first + frame)
            replies = read_to_end(conn)
            assert replies[: len(first)] == first
            assert error_reason(replies[len(first) :]).startswith(reason)


@every_model
def test_tcp_work_cut_frame_gets_error_and_close(server: Server) -> None:
    first = make_frame(b"before", wait_us=1_000)
    for size in (1, 4, 23, 24, len(FRAME) - 1):
        with connect(server) as conn:
            conn.sendall(first + FRAME[:size])
            conn.shutdown(socket.SHUT_WR)
            replies = read_to_end(conn)
            assert replies[: len(first)] == first
            assert error_reason(replies[len(first) :]) == "the stream ends within a frame"


@pytest.mark.parametrize("model", models_with("tcp", protocol="work"))
def test_tcp_work_reply_is_sent_while_the_next_request_waits(model: str) -> None:
    ready = [make_frame(b"ready", number=number, wait_us=number % 2 * 1_000) for number in range(4)]
    with start_server(model, "tcp", "work") as server, connect(server) as conn:
        conn.sendall(b"".join(ready) + make_frame(b"long", wait_us=LONG_WAIT_US))
        assert read_exactly(conn, 4 * len(ready[0])) == b"".join(ready)


@every_model
def test_tcp_work_clients_that_leave_during_a_wait_leave_nothing(server: Server) -> None:
    assert_serves(server)
    wait_until(server.is_idle, "the server is idle")
    before = server.descriptors()
    for number in range(10):
        conn = connect(server)
        conn.sendall(make_frame(number=1, wait_us=50_000) + make_frame(number=2, wait_us=50_000))
        if number % 2:
            reset(conn)
        else:
            conn.close()
    wait_until(lambda: server.descriptors() <= before, f"the server has {before} descriptors again")
    assert_serves(server)
    wait_until(server.is_idle, "the server is idle again")
    assert "Traceback" not in server.stderr()
    assert "raised exception" not in server.stderr(), "asyncio was made to write to a lost connection"


@pytest.mark.parametrize("model", sorted(set(models_with("tcp", protocol="work")) - NOTICES_AFTER_THE_WAIT))
def test_tcp_work_reset_cancels_a_long_wait(model: str) -> None:
    with start_server(model, "tcp", "work") as server:
        assert_serves(server)
        wait_until(server.is_idle, "the server is idle")
        before = server.descriptors()
        conns = [connect(server) for _ in range(5)]
        for conn in conns:
            conn.sendall(make_frame(wait_us=1_000) + make_frame(wait_us=LONG_WAIT_US))
            assert read_exactly(conn, 24) == make_frame(wait_us=1_000)
        for conn in conns:
            reset(conn)
        wait_until(lambda: server.descriptors() <= before, f"the server has {before} descriptors again")
        assert_serves(server)
        assert server.stderr() == ""


@every_loop
def test_tcp_work_client_that_reads_late_is_held_back_without_loss(server: Server) -> None:
    frames = make_frame(os.urandom(100_000)) * 640
    with connect(server) as conn:
        exchange(conn, FRAME)
        sent = check_held_back(server, conn, frames)
        conn.settimeout(20)
        writer = start_writer(conn, frames[sent:])
        received = read_to_end(conn)
        writer.join()
    assert received == frames


@pytest.mark.parametrize("model", one_per_loop("tcp", "work"))
def test_tcp_work_requests_behind_a_long_wait_are_held_back(model: str) -> None:
    with start_server(model, "tcp", "work") as server, connect(server) as conn:
        exchange(conn, FRAME)
        conn.sendall(make_frame(wait_us=LONG_WAIT_US))
        frames = make_frame(b"short") * (32 * MIB // 29)
        assert check_held_back(server, conn, frames) < len(frames)


def check_held_back(server: Server, conn: socket.socket, data: bytes) -> int:
    """Send until the server takes no more, and check its memory. Returns how many bytes it has taken."""
    before = server.rss_bytes()
    conn.setblocking(False)
    sent = 0
    while sent < len(data) and select.select([], [conn], [], NO_PROGRESS_S)[1]:
        sent += conn.send(data[sent : sent + MIB // 4])
    assert server.rss_bytes() - before < 16 * MIB, "what the client does not read piles up in the server"
    return sent

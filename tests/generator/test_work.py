"""The protocol work: what the generator sends, and what it makes of the replies."""

import socket
import struct

import pytest

from clients.engine.threads import Threads
from clients.load_spec import LoadSpec
from clients.protocol_check import ProtocolError, verify
from tests.generator.loads import make_tcp_spec, make_udp_spec, run_load
from tests.support.frame_servers import HEADER, Frame, answer_frames, parse_frame
from tests.support.scripted_servers import HOST, start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial

HASHES_UNITS = 7 | 1 << 31


def test_frames_have_length_number_wait_and_compute(threads: Threads) -> None:
    frames: list[Frame] = []
    with start_tcp_server(lambda conn, _: answer_frames(conn, frames.append)) as port:
        spec = make_tcp_spec(port, protocol="work", wait_us=300, compute_units=7, compute_kind="release")
        result = run_load(threads, spec)
    assert result["ledger"]["ok"] == result["sent"] == len(frames) > 5
    assert {(frame.size, frame.connection, frame.wait_us, frame.compute) for frame in frames} == {
        (64, 0, 300, HASHES_UNITS)
    }
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert {len(frame.content) for frame in frames} == {64}


def test_service_time_of_work_includes_its_wait(threads: Threads) -> None:
    with start_tcp_server(lambda conn, _: answer_frames(conn)) as port:
        result = run_load(threads, make_tcp_spec(port, protocol="work", wait_us=5_000))
    assert result["service_us"]["p50"] >= 5_000


@pytest.mark.parametrize("depth", [1, 8])
def test_datagrams_of_work_are_numbered(threads: Threads, depth: int) -> None:
    def drop_every_seventh(number: int, datagram: bytes) -> list[bytes]:
        assert len(datagram) == parse_frame(datagram).size == 24
        return [] if number % 7 == 0 else [datagram]

    with start_udp_server(drop_every_seventh) as port:
        spec = make_udp_spec(port, protocol="work", depth=depth, message_bytes=24, connections=2)
        result = run_load(threads, spec)
    assert spec.numbered
    assert result["ledger"]["lost"] > 0 < result["ledger"]["ok"]
    assert result["ledger"]["corrupt"] == 0


def test_mixed_sizes_and_works_are_drawn_independently(threads: Threads) -> None:
    frames: list[Frame] = []
    with start_tcp_server(lambda conn, _: answer_frames(conn, frames.append)) as port:
        spec = make_tcp_spec(
            port, protocol="work", mix=((24, 1.0), (1000, 1.0)), work_mix=((0, 0, 9.0), (0, 50, 1.0)), depth=4
        )
        result = run_load(threads, spec, seconds=0.3)
    heavy = [frame for frame in frames if frame.compute == 50]
    assert result["ledger"]["ok"] == len(frames) > 1000
    assert all(frame.size == len(frame.content) for frame in frames)
    assert len(heavy) / len(frames) == pytest.approx(0.1, abs=0.05)
    assert {frame.size for frame in heavy} == {24, 1000}


def test_work_follows_from_the_seed_of_the_load(threads: Threads) -> None:
    def draw(seed: int) -> list[int]:
        frames: list[Frame] = []
        with start_tcp_server(lambda conn, _: answer_frames(conn, frames.append)) as port:
            run_load(threads, make_tcp_spec(port, protocol="work", work_mix=((0, 0, 1.0), (0, 1, 1.0)), seed=seed))
        return [frame.compute for frame in frames][:100]

    assert draw(3) == draw(3) != draw(4)


def test_error_reply_is_corrupt(threads: Threads) -> None:
    def refuse(conn: socket.socket, _number: int) -> None:
        conn.recv(65536)
        conn.sendall(HEADER.pack(24 + 4, 0xFFFFFFFF, 0, 0, 0) + b"wait")

    with start_tcp_server(refuse) as port:
        result = run_load(threads, make_tcp_spec(port, protocol="work"))
    assert result["ledger"]["corrupt"] == result["sent"] > 0


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_verify_accepts_a_server_of_work(transport: str) -> None:
    frames: list[Frame] = []

    def answer(_number: int, datagram: bytes) -> list[bytes]:
        frames.append(parse_frame(datagram))
        return [datagram]

    tcp = transport == "tcp"
    with (
        start_tcp_server(lambda conn, _: answer_frames(conn, frames.append))
        if tcp
        else start_udp_server(answer) as port
    ):
        verify(LoadSpec(transport, HOST, port, "work", wait_us=20_000, compute_units=7), bytes(100))
    assert [(frame.size, frame.wait_us, frame.compute) for frame in frames] == [(100, 0, 0), (100, 20_000, 7)]


def test_verify_reports_the_reason_of_an_error_reply() -> None:
    def refuse(conn: socket.socket, _number: int) -> None:
        conn.recv(65536)
        conn.sendall(struct.pack("<IIQII", 24 + 14, 0xFFFFFFFF, 0, 0, 0) + b"wait too long!")

    with start_tcp_server(refuse) as port, pytest.raises(ProtocolError, match=r"refused .*: wait too long!"):
        verify(make_tcp_spec(port, protocol="work"), bytes(64))

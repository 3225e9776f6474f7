"""The protocol ``work``: requests from any splitting of the bytes, malformed frames, and fixed amounts of computing."""

import hashlib
import itertools
import json
import subprocess
import sys

import pytest

from servers.work import protocol, units
from servers.work.protocol import Request, RequestStream, parse_datagram
from tests.support.processes import ROOT
from tests.support.work_frames import FRAME, MALFORMED, MAX_FRAME_BYTES, RELEASE, error_reason, make_frame


def feed_parts(parts: list[bytes]) -> list[bytes]:
    """Return the replies to all requests in these parts; the end of the stream is ``b""``."""
    stream = RequestStream()
    return [request.reply for part in parts for request in stream.feed(part)]


def split(data: bytes, *cuts: int) -> list[bytes]:
    return [data[start:end] for start, end in itertools.pairwise((0, *cuts, len(data)))]


FRAMES = [make_frame(bytes(size), number=size, wait_us=size) for size in (0, 1, 30)]


def test_requests_are_independent_of_where_the_bytes_are_split() -> None:
    data = b"".join(FRAMES)
    assert feed_parts([data]) == FRAMES
    assert feed_parts([bytes([byte]) for byte in data]) == FRAMES
    for cuts in itertools.combinations(range(1, len(data)), 2):
        assert feed_parts(split(data, *cuts)) == FRAMES, cuts


def test_request_is_returned_as_soon_as_its_last_byte_arrives() -> None:
    stream = RequestStream()
    assert stream.feed(FRAME[:-1]) == []
    (request,) = stream.feed(FRAME[-1:] + FRAME[:1])
    assert request.reply == FRAME
    assert len(stream.feed(FRAME[1:])) == 1


def test_longest_frame_is_joined_from_many_parts() -> None:
    frame = make_frame(bytes(range(256)) * 4_000, number=3)
    parts = [frame[start : start + 10] for start in range(0, len(frame), 10)]
    assert feed_parts(parts) == [frame]
    longest = make_frame(bytes(MAX_FRAME_BYTES - 24))
    assert feed_parts([longest + longest]) == [longest, longest]


def test_request_contains_what_the_header_asks_for() -> None:
    (request,) = RequestStream().feed(make_frame(b"x", wait_us=1_500, compute=9))
    assert (request.wait_s, request.units, request.releases_lock) == (0.0015, 9, False)
    (request,) = RequestStream().feed(make_frame(wait_us=60_000_000, compute=RELEASE | 60_000_000))
    assert (request.wait_s, request.units, request.releases_lock) == (60, 60_000_000, True)


@pytest.mark.parametrize(("frame", "reason"), MALFORMED)
def test_malformed_frame_gets_error_reply_and_ends_the_stream(frame: bytes, reason: str) -> None:
    stream = RequestStream()
    first, error = stream.feed(FRAME + frame + FRAME)
    assert first.reply == FRAME
    assert error_reason(error.reply).startswith(reason)
    assert (error.wait_s, error.units, stream.done) == (0, 0, True)
    assert stream.feed(FRAME) == stream.feed(b"") == []


@pytest.mark.parametrize(("frame", "reason"), MALFORMED)
def test_malformed_frame_is_detected_in_single_bytes_too(frame: bytes, reason: str) -> None:
    (reply,) = feed_parts([bytes([byte]) for byte in frame])
    assert error_reason(reply).startswith(reason)


def test_length_out_of_range_needs_no_complete_header() -> None:
    (reply,) = feed_parts([b"\x17\0\0", b"\0"])
    assert error_reason(reply) == "a length of 23 bytes is not from 24 to 1048576"


@pytest.mark.parametrize("size", range(1, len(FRAME)))
def test_frame_cut_by_the_end_of_the_stream_gets_error_reply(size: int) -> None:
    replies = feed_parts([FRAME + FRAME[:size], b""])
    assert replies[0] == FRAME
    assert error_reason(replies[1]) == "the stream ends within a frame"
    assert len(replies) == 2


def test_end_of_the_stream_after_whole_frames_is_no_error() -> None:
    stream = RequestStream()
    stream.feed(FRAME)
    assert not stream.done
    assert stream.feed(b"") == []
    assert stream.done


def test_datagram_of_one_frame_is_a_request() -> None:
    request = parse_datagram(make_frame(b"x", wait_us=250, compute=RELEASE | 3))
    assert request is not None
    assert (request.wait_s, request.units, request.releases_lock) == (0.00025, 3, True)
    assert request.reply == make_frame(b"x", wait_us=250, compute=RELEASE | 3)


@pytest.mark.parametrize(
    "datagram", [b"", b"x", FRAME[:-1], FRAME + b"x", FRAME + FRAME, *(bad for bad, _ in MALFORMED)]
)
def test_malformed_datagram_is_ignored_and_counted(datagram: bytes) -> None:
    before = protocol.ignored_datagrams.count
    assert parse_datagram(datagram) is None
    assert protocol.ignored_datagrams.count == before + 1


def test_request_computes_by_the_kind_that_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[tuple[str, int]] = []
    monkeypatch.setattr(protocol, "hold_lock", lambda count: computed.append(("lock", count)))
    monkeypatch.setattr(protocol, "release_lock", lambda count: computed.append(("release", count)))
    for compute in (0, RELEASE, 5, RELEASE | 6):
        Request(b"", 0, compute).compute()
    assert computed == [("lock", 5), ("release", 6)]


@pytest.mark.parametrize("count", [0, 1, 3, 511, 512, 513, 1_500])
def test_unit_that_releases_the_lock_hashes_2048_zero_bytes(count: int) -> None:
    assert units.release_lock(count) == hashlib.sha256(bytes(2_048 * count)).digest()


def test_unit_that_holds_the_lock_is_24_steps() -> None:
    value = 1
    for _ in range(24 * 7):
        value = (value * 5 + 1) % 65_536
    assert units.hold_lock(7) == value
    assert units.hold_lock(0) == 1


def test_measure_units_prints_one_line_of_json() -> None:
    command = [sys.executable, "-m", "servers", "measure-units"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert len(result.stdout.splitlines()) == 1
    measured = json.loads(result.stdout)
    assert measured["python"].startswith("cpython 3.")
    for kind in ("lock", "release"):
        assert 0 < measured[kind]["best_us"] <= measured[kind]["median_us"]

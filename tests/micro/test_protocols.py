"""Cost of feeding a handler, which every request of every model pays."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from servers.protocols import HANDLERS
from servers.work.protocol import RequestStream
from tests.support.work_frames import make_frame

_ECHO = bytes(64)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("protocol", "request_bytes"), [("echo", _ECHO), ("hola", b"hola")], ids=["echo", "hola"])
def test_feed_one_request(benchmark: BenchmarkFixture, transport: str, protocol: str, request_bytes: bytes) -> None:
    handler = HANDLERS[transport][protocol]()
    assert benchmark(handler.feed, request_bytes) in {_ECHO, b"pues hola"}


def test_feed_hola_split_into_bytes(benchmark: BenchmarkFixture) -> None:
    handler = HANDLERS["tcp"]["hola"]()

    def feed() -> bytes:
        return b"".join(handler.feed(bytes([byte])) or b"" for byte in b"hola")

    assert benchmark(feed) == b"pues hola"


def test_feed_one_work_frame(benchmark: BenchmarkFixture) -> None:
    stream, frame = RequestStream(), make_frame(bytes(40))
    (request,) = benchmark(stream.feed, frame)
    assert request.reply == frame


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_make_handler(benchmark: BenchmarkFixture, transport: str) -> None:
    benchmark(HANDLERS[transport]["hola"])

"""One round trip to each model with a blocking client.

Mostly the cost of wake-ups, so compare like with like.
"""

import socket

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from servers import registry
from tests.support.servers import start_server as server

_MESSAGE = bytes(range(64))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("model", registry.names())
def test_round_trip(benchmark: BenchmarkFixture, model: str, transport: str) -> None:
    if transport not in registry.describe(model).transports:
        pytest.skip(f"{model} does not serve {transport}")
    if "echo" not in registry.describe(model).protocols:
        pytest.skip(f"{model} does not serve echo")
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with server(model, transport) as ready, socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(10)
        sock.connect((ready["host"], ready["port"]))

        def exchange() -> bytes:
            sock.send(_MESSAGE)
            return sock.recv(64)

        assert benchmark(exchange) == _MESSAGE

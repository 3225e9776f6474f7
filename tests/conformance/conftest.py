"""Servers that tests share: one for all tests of a module and a case, as starting one costs more than most tests."""

from collections.abc import Iterator

import pytest

from tests.conformance.cases import ARMS, PROTOCOLS, models
from tests.support.servers import Server, make_command, start_command


@pytest.fixture(scope="module", params=models("tcp"))
def tcp_echo(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_command(make_command(request.param, "tcp", "echo")) as server:
        yield server


@pytest.fixture(scope="module", params=models("tcp"))
def tcp_hola(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_command(make_command(request.param, "tcp", "hola")) as server:
        yield server


@pytest.fixture(scope="module", params=models("udp"))
def udp_echo(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_command(make_command(request.param, "udp", "echo")) as server:
        yield server


@pytest.fixture(scope="module", params=models("udp"))
def udp_hola(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_command(make_command(request.param, "udp", "hola")) as server:
        yield server


@pytest.fixture(
    params=[
        pytest.param((model, transport, protocol), id=f"{model}-{transport}-{protocol}")
        for model, transport in ARMS
        for protocol in PROTOCOLS
    ],
)
def any_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A fresh server of every kind, for tests that end it."""
    with start_command(make_command(*request.param)) as server:
        yield server

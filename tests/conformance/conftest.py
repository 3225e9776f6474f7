"""Servers that tests share: one for all tests of a module and a case, as starting one costs more than most tests."""

from collections.abc import Iterator

import pytest

from . import running
from .running import Server


@pytest.fixture(scope="module", params=running.models("tcp"))
def tcp_echo(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running.running(running.command(request.param, "tcp", "echo")) as server:
        yield server


@pytest.fixture(scope="module", params=running.models("tcp"))
def tcp_hola(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running.running(running.command(request.param, "tcp", "hola")) as server:
        yield server


@pytest.fixture(scope="module", params=running.models("udp"))
def udp_echo(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running.running(running.command(request.param, "udp", "echo")) as server:
        yield server


@pytest.fixture(scope="module", params=running.models("udp"))
def udp_hola(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running.running(running.command(request.param, "udp", "hola")) as server:
        yield server


@pytest.fixture(
    params=[
        pytest.param((model, transport, protocol), id=f"{model}-{transport}-{protocol}")
        for model, transport in running.ARMS
        for protocol in running.PROTOCOLS
    ],
)
def any_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A fresh server of every kind, for tests that end it."""
    with running.running(running.command(*request.param)) as server:
        yield server

"""Sockets that listen, that do not, and that answer nothing, as seen after a load."""

import socket

import pytest

from clients.load_spec import LoadSpec
from clients.server_presence import still_listens

TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@pytest.mark.parametrize(("transport", "expected"), [("tcp", True), ("udp", None)])
def test_silent_server_is_present_over_tcp_only(transport: str, expected: bool | None) -> None:
    with socket.socket(socket.AF_INET, TYPES[transport]) as server:
        server.bind(("127.0.0.1", 0))
        if transport == "tcp":
            server.listen()
        spec = LoadSpec(transport=transport, host="127.0.0.1", port=server.getsockname()[1])
        assert still_listens(spec) is expected


@pytest.mark.parametrize("transport", TYPES)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_server_that_ended_is_gone(transport: str, family: int, host: str) -> None:
    with socket.socket(family, TYPES[transport]) as server:
        server.bind((host, 0))
        port = server.getsockname()[1]
    assert still_listens(LoadSpec(transport=transport, host=host, port=port)) is False

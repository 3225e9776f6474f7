"""The function that serves a protocol: chosen by protocol and transport, once."""

import socket
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from servers import entry_points
from servers.models import thread_per_client, thread_switch_interval
from servers.protocols import HANDLERS

CALLS: list[tuple[Any, ...]] = []
MODEL = cast(
    "Any",
    SimpleNamespace(
        serve_tcp=lambda sock, make: CALLS.append(("tcp", sock, make)),
        serve_udp=lambda sock, make: CALLS.append(("udp", sock, make)),
        serve_work_udp=lambda sock: CALLS.append(("work", sock)),
    ),
)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("protocol", ["echo", "hola"])
def test_replying_protocol_is_served_with_its_handler(transport: str, protocol: str) -> None:
    CALLS.clear()
    serve = entry_points.find_serve(MODEL, transport, protocol)
    assert serve is not None
    with socket.socket() as sock:
        serve(sock)
        assert [(transport, sock, HANDLERS[transport][protocol])] == CALLS


def test_work_is_served_by_the_function_for_work() -> None:
    assert entry_points.find_serve(MODEL, "udp", "work") is MODEL.serve_work_udp
    assert entry_points.find_serve(MODEL, "tcp", "work") is None


def test_model_without_the_transport_has_no_function() -> None:
    assert entry_points.find_serve(cast("Any", SimpleNamespace()), "tcp", "echo") is None


@pytest.mark.parametrize("function", ["serve_tcp", "serve_udp", "serve_work_tcp", "serve_work_udp"])
def test_switch_interval_is_set_before_the_model_serves(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    intervals_s: list[float] = []
    monkeypatch.setattr(thread_per_client, function, lambda *_: intervals_s.append(sys.getswitchinterval()))
    before_s = sys.getswitchinterval()
    try:
        getattr(thread_switch_interval, function)(*(None, None)[: 1 if "work" in function else 2])
    finally:
        sys.setswitchinterval(before_s)
    assert intervals_s == [pytest.approx(0.0005)]

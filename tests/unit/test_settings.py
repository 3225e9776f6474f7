from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clients import ports
from clients.ports import NoPorts, sources_needed
from clients.settings import Settings, compiled_form

TCP = Settings("tcp", "127.0.0.1", 7)
UDP = replace(TCP, transport="udp")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lifecycle": "eternal"}, "lifecycle 'eternal' is none of persistent, session, per_request"),
        ({"arrivals": "late"}, "arrivals 'late' is none of constant, poisson, burst"),
        ({"depth": 2, "protocol": "hola"}, "depth 2 cannot be had here"),
        ({"depth": 2, "message_bytes": 8}, "depth 2 cannot be had here"),
        ({"depth": 2, "mix": ((64, 1.0), (4, 1.0))}, "depth 2 cannot be had here"),
        ({"think_s": 0.1, "rate_rps": 10.0}, "a time to think belongs to the closed loop"),
        ({"burst_on_s": 0.2}, "bursts of 0.2 s do not fit a period of 0.1 s"),
    ],
)
def test_a_load_that_cannot_be_is_refused_with_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(UDP, **changes)


def test_a_stream_may_be_deep_with_any_message() -> None:
    assert replace(TCP, depth=5, message_bytes=1).depth == 5
    assert replace(TCP, depth=5, protocol="hola").depth == 5


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"lifecycle": "session", "requests_per_session": 10}, 10),
        ({"lifecycle": "session", "requests_per_session": 10, "protocol": "hola"}, 11),
        ({"lifecycle": "per_request", "requests_per_session": 10, "protocol": "hola"}, 1),
    ],
)
def test_a_session_has_its_requests_and_hola_takes_leave(changes: dict[str, Any], messages: int) -> None:
    assert replace(TCP, **changes).messages_per_session == messages
    assert compiled_form(replace(TCP, **changes), 0).requests_per_session == messages


def test_only_datagrams_with_room_for_a_number_are_numbered() -> None:
    assert replace(UDP, message_bytes=12).numbered
    assert not replace(UDP, message_bytes=11).numbered
    assert not replace(UDP, protocol="hola").numbered
    assert not TCP.numbered


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel with 1000 ports that holds them for a minute, but for a second on loopback."""
    (tmp_path / "ip_local_port_range").write_text("1000\t1999\n")
    (tmp_path / "tcp_tw_reuse").write_text("2\n")
    monkeypatch.setattr(ports, "_NETWORK", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("changes", "sources"),
    [
        ({"connections": 400}, 0),
        ({"connections": 401}, 2),
        ({"connections": 10_000}, 25),
        ({"lifecycle": "session"}, 8),
        ({"lifecycle": "per_request", "rate_rps": 300.0}, 0),
        ({"lifecycle": "per_request", "rate_rps": 4000.0}, 11),
        ({"lifecycle": "session", "requests_per_session": 10, "rate_rps": 4000.0}, 2),
        ({"transport": "udp", "lifecycle": "session", "connections": 100}, 0),
    ],
)
def test_a_load_on_loopback_comes_from_as_many_addresses_as_its_ports_take(
    changes: dict[str, Any], sources: int
) -> None:
    assert sources_needed(replace(TCP, **changes)) == sources


@pytest.mark.usefixtures("kernel")
def test_elsewhere_a_load_that_would_run_out_of_ports_is_refused_before_it_begins() -> None:
    away = replace(TCP, host="192.0.2.1", lifecycle="per_request")
    assert sources_needed(replace(away, rate_rps=5.0)) == 0
    with pytest.raises(NoPorts, match="6,001 local ports at a time, and there are 1,000"):
        sources_needed(replace(away, rate_rps=100.0))


def test_the_time_that_a_port_is_held_is_the_kernels(kernel: Path) -> None:
    assert ports.held_s(loopback=True) == 1.0
    assert ports.held_s(loopback=False) == 60.0
    (kernel / "tcp_tw_reuse").write_text("0\n")
    assert ports.held_s(loopback=True) == 60.0

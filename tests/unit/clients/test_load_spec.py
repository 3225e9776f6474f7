import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clients import local_ports
from clients.load_spec import LoadSpec, check_duration, make_params
from clients.local_ports import PortsExhaustedError, sources_needed

TCP = LoadSpec("tcp", "127.0.0.1", 7)
UDP = replace(TCP, transport="udp")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lifecycle": "eternal"}, "lifecycle 'eternal' is not one of persistent, session, per_request"),
        ({"transport": "sctp"}, "transport 'sctp' is not one of tcp, udp"),
        ({"arrivals": "late"}, "arrivals 'late' is not one of constant, poisson, burst"),
        ({"depth": 2, "protocol": "hola"}, "depth 2 over UDP needs echo messages of at least 12 bytes"),
        ({"depth": 2, "message_bytes": 8}, "depth 2 over UDP needs echo messages of at least 12 bytes"),
        ({"depth": 2, "mix": ((64, 1.0), (4, 1.0))}, "depth 2 over UDP needs echo messages of at least 12 bytes"),
        (
            {"think_s": 0.1, "rate_rps": 10.0},
            "rate_rps 10 and think_s 0.1 contradict each other: think time only applies",
        ),
        ({"burst_on_s": 0.2}, "burst_on_s 0.2 does not fit into burst_period_s 0.1"),
        ({"burst_period_s": math.inf}, "burst_period_s inf is not a number from 1e-06 to 3600"),
        ({"burst_on_s": 1e-300, "burst_period_s": 1e300}, "burst_on_s 1e-300 is not"),
        ({"rate_rps": 1e6, "arrivals": "burst", "burst_on_s": 1e-6}, "is 1e\\+11 requests/s within bursts"),
        ({"rate_rps": 1e-11}, "rate_rps 1e-11 is not a number from 0.001 to 1e\\+07"),
        ({"rate_rps": math.nan}, "rate_rps nan is not"),
        ({"rate_rps": -1.0}, "rate_rps -1.0 is not"),
        ({"port": 99999}, "port 99999 is not a whole number from 1 to 65535"),
        ({"timeout_s": 1e300}, "timeout_s 1e\\+300 is not"),
        ({"think_s": math.inf}, "think_s inf is not"),
        ({"requests_per_session": 10**22}, f"requests_per_session {10**22} is not"),
        ({"connections": 1.5}, "connections 1.5 is not a whole number"),
        ({"connections": "2"}, "connections '2' is not a whole number"),
        ({"message_bytes": 65_508}, "message_bytes 65508 does not fit a datagram; the maximum is 65507"),
        ({"mix": ((64, 1e308), (65, 1e308))}, "weight 1e\\+308 is not"),
        ({"mix": ((64, 1.0), (0, 1.0))}, "message_bytes 0 is not"),
        ({"host": "a..b"}, "host 'a..b' is not a numeric address"),
        ({"host": "\udcff"}, r"host '\\udcff' is not a numeric address"),
    ],
)
def test_load_spec_rejects_invalid_values(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(UDP, **changes)


@pytest.mark.parametrize(
    ("seconds", "warmup_s", "message"),
    [
        (1e300, 0.0, "seconds 1e\\+300 is not a number from 0 to 90000"),
        (math.nan, 0.0, "seconds nan is not"),
        (-1.0, 0.0, "seconds -1.0 is not"),
        (1.0, math.nan, "warmup_s nan is not"),
        (1.0, 2.0, "warmup_s 2.0 is not a number from 0 to 1"),
    ],
)
def test_check_duration_rejects_invalid_length(seconds: float, warmup_s: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_duration(seconds, warmup_s)


def test_load_spec_allows_depth_on_streams() -> None:
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
def test_session_of_hola_adds_adios(changes: dict[str, Any], messages: int) -> None:
    assert replace(TCP, **changes).messages_per_session == messages
    assert make_params(replace(TCP, **changes), 0).requests_per_session == messages


def test_only_datagrams_with_room_for_a_header_are_numbered() -> None:
    assert replace(UDP, message_bytes=12).numbered
    assert not replace(UDP, message_bytes=11).numbered
    assert not replace(UDP, protocol="hola").numbered
    assert not TCP.numbered


@pytest.fixture
def proc_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pretend 1000 ports, in use for a minute after a close.

    On loopback they are in use for a second.
    """
    (tmp_path / "ip_local_port_range").write_text("1000\t1999\n")
    (tmp_path / "tcp_tw_reuse").write_text("2\n")
    monkeypatch.setattr(local_ports, "_NETWORK", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("proc_net")
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
def test_loopback_load_uses_enough_source_addresses(changes: dict[str, Any], sources: int) -> None:
    assert sources_needed(replace(TCP, **changes)) == sources


@pytest.mark.usefixtures("proc_net")
def test_remote_load_without_enough_ports_is_rejected() -> None:
    remote = replace(TCP, host="192.0.2.1", lifecycle="per_request")
    assert sources_needed(replace(remote, rate_rps=5.0)) == 0
    with pytest.raises(PortsExhaustedError, match="6,001 local ports at a time, and 1,000 are available"):
        sources_needed(replace(remote, rate_rps=100.0))


@pytest.mark.usefixtures("proc_net")
def test_ipv6_loopback_has_one_source_address() -> None:
    sessions = replace(TCP, host="::1", lifecycle="per_request")
    assert sources_needed(sessions) == 0
    assert sources_needed(replace(sessions, rate_rps=500.0)) == 0  # a port is free again after a second, as for IPv4
    with pytest.raises(PortsExhaustedError, match=r"1,001 local ports at a time.*or use 127\.0\.0\.1"):
        sources_needed(replace(sessions, rate_rps=1000.0))
    assert sources_needed(replace(sessions, host="::ffff:127.0.0.1", rate_rps=500.0)) == 0


def test_port_reuse_time_follows_kernel_setting(proc_net: Path) -> None:
    assert local_ports.port_reuse_s(loopback=True) == 1.0
    assert local_ports.port_reuse_s(loopback=False) == 60.0
    (proc_net / "tcp_tw_reuse").write_text("0\n")
    assert local_ports.port_reuse_s(loopback=True) == 60.0

"""Share of the network that a load takes, byte by byte."""

import math

import pytest

from bench.experiment.trial_quality import Utilisation, judge
from bench.experiment.wire import Packets, Requests, Traffic, Wire, load_share
from clients.quality_catalogue import DEFAULT_THRESHOLDS

ETHERNET = Packets(1500)


@pytest.mark.parametrize(
    ("packets", "transport", "size", "wire_bytes"),
    [
        (ETHERNET, "udp", 64, 38 + 20 + 8 + 64),
        (ETHERNET, "udp", 1, 38 + 46),  # padded
        (ETHERNET, "udp", 1472, 1538),
        (ETHERNET, "udp", 1473, 2 * (38 + 20) + 8 + 1473),  # two fragments
        (ETHERNET, "tcp", 64, 38 + 20 + 32 + 64),
        (ETHERNET, "tcp", 1448, 1538),
        (ETHERNET, "tcp", 1449, 2 * 90 + 1449),
        (Packets(1500, is_ipv6=True), "udp", 64, 38 + 40 + 8 + 64),
        (Packets(9000), "tcp", 8000, 38 + 52 + 8000),
    ],
)
def test_message_takes_its_headers_with_it(packets: Packets, transport: str, size: int, wire_bytes: int) -> None:
    assert packets.message_bytes(transport, size) == wire_bytes


def test_long_messages_are_acknowledged() -> None:
    ack = 38 + 52
    assert ETHERNET.request_traffic("tcp", 64, 64) == Traffic(154, 154)
    assert ETHERNET.request_traffic("tcp", 64, 4 * 1448) == Traffic(154 + 2 * ack, 4 * 1538)


def test_share_is_that_of_the_fuller_direction() -> None:
    wire = Wire(ETHERNET, Traffic(154_000, 308_000))
    assert load_share(wire, "tcp", [Requests(500, 64)]) == pytest.approx(0.5)
    assert load_share(wire, "tcp", [Requests(250, 64), Requests(250, 64)]) == pytest.approx(0.5)
    assert load_share(wire, "tcp", [Requests(500, 64, per_session=1)]) == pytest.approx(0.5 * (154 + 3 * 90) / 154)
    assert load_share(Wire(ETHERNET, Traffic(math.nan, 308_000)), "tcp", [Requests(500, 64)]) == pytest.approx(0.25)
    assert math.isnan(load_share(Wire(ETHERNET, Traffic(math.nan, math.nan)), "tcp", [Requests(500, 64)]))


@pytest.mark.parametrize(
    ("share", "verdict", "codes", "limited_by"),
    [
        (math.nan, "valid", [], "neither (waiting)"),
        (0.5, "valid", [], "neither (waiting)"),
        (0.75, "suspect", ["WIRE_LIMIT=75%"], "neither (waiting)"),
        (0.95, "invalid", ["WIRE_LIMIT=95%"], "network"),
    ],
)
def test_full_wire_is_doubted(share: float, verdict: str, codes: list[str], limited_by: str) -> None:
    found = judge([], Utilisation(0.1, 0.1, wire_share=share), DEFAULT_THRESHOLDS)
    assert (found.verdict, list(map(str, found.flags)), found.limited_by) == (verdict, codes, limited_by)

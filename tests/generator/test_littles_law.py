"""The number in flight, integrated without time stamps of requests, agrees with the time stamps."""

import pytest

from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from tests.generator.loads import make_tcp_spec, make_udp_spec
from tests.support.servers import start_server

pytestmark = pytest.mark.serial

MAX_GAP = 0.005  # a quarter of the threshold; sessions over TCP had 0.06 while connects counted as time in flight


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_connects_between_sessions_are_not_time_in_flight(threads: Threads, transport: str) -> None:
    make_spec = {"tcp": make_tcp_spec, "udp": make_udp_spec}[transport]
    with start_server("iterative", transport, "hola") as server:
        spec = make_spec(server.address[1], protocol="hola", lifecycle="session", requests_per_session=1)
        with LoadGenerator(spec, threads) as generator:
            generator.open()
            generator.load(0.2)
            tally = generator.totals.tally
    assert tally["sessions"] > 0
    assert abs(tally["in_flight_ns"] / tally["flights_ns"] - 1) < MAX_GAP

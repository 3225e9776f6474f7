"""Findings about the machines of a run and the paths between them."""

import math
import socket
from collections.abc import Mapping
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from bench.fleet.path_findings import check_path, check_together
from bench.fleet.path_probe import PathProbe, answer_step
from bench.fleet.path_report import BulkFigures, LossFigures, PathReport, RoundTrips, wire_of
from bench.fleet.path_traffic import DatagramEcho, send_burst
from bench.fleet.preflight import check_machines, host_findings, measure_link, measure_paths

LINK = RoundTrips(0.2, 0.4, 0.1, 50)
FAST = BulkFigures(118e6, host_is_limit=False)  # 1 Gbit/s
NO_LOSS = LossFigures(2000, 2000, 2000, 2000, 0, 0)
GOOD = PathReport(RoundTrips(0.2, 0.4, 0.1, 50), FAST, FAST, NO_LOSS, 1500)


class ThreadGenerator:
    """A generator whose steps a thread executes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answer: dict[str, Any] = {}

    def send(self, command: Mapping[str, Any]) -> None:
        self.thread = Thread(target=lambda: self.answer.update(answer_step(command)))
        self.answer.clear()
        self.thread.start()

    def receive(self, timeout_s: float) -> dict[str, Any]:
        self.thread.join(timeout_s)
        return dict(self.answer)


def states(findings: list[Any]) -> dict[str, str]:
    return {finding.name: finding.state for finding in findings}


def problems_of(path: PathReport, link: RoundTrips = LINK, *, several: bool = False) -> set[str]:
    findings = check_path("lab2", path, link, several=several)
    assert all("lab2" in finding.name and finding.why and finding.remedy for finding in findings)
    return {finding.name.removesuffix(" to lab2") for finding in findings if finding.state == "bad"}


@pytest.mark.parametrize(
    ("path", "problems"),
    [
        (GOOD, set()),
        (replace(GOOD, round_trips=RoundTrips(3.0, 6.0, 1.5, 50)), {"round trip"}),
        (replace(GOOD, mtu=1400), {"MTU of the path"}),
        (replace(GOOD, to_generator=BulkFigures(1e6, host_is_limit=False)), {"bandwidth of the path"}),
        (replace(GOOD, to_generator=BulkFigures(1e6, host_is_limit=True)), set()),
        (replace(GOOD, to_servers=None, to_generator=None, problem="no answer"), {"bandwidth of the path"}),
        (replace(GOOD, loss=None), {"loss of the path"}),
        (replace(GOOD, loss=replace(NO_LOSS, returned=1990)), {"loss of the path"}),
        (replace(GOOD, loss=replace(NO_LOSS, returned=1990, dropped_at_generator=10)), set()),
        (replace(GOOD, loss=replace(NO_LOSS, returned=1999)), set()),
    ],
)
def test_path_has_the_problems_of_its_figures(path: PathReport, problems: set[str]) -> None:
    assert problems_of(path) == problems


def test_unsure_clock_is_a_problem_of_several_generators_only() -> None:
    unsure = RoundTrips(4.0, 9.0, 3.0, 50)
    assert problems_of(GOOD, unsure) == set()
    assert problems_of(GOOD, unsure, several=True) == {"clock of lab2"}


def test_full_buffer_is_not_called_loss_of_the_path() -> None:
    path = replace(GOOD, loss=replace(NO_LOSS, received=1900, echoed=1900, returned=1900, dropped_at_servers=100))
    (value,) = [each.value for each in check_path("lab2", path, LINK, several=False) if each.name.startswith("loss")]
    assert (
        value == "0 of 2000 datagrams lost to the servers; 0 of 1900 back; 100 arrived and were dropped by full buffers"
    )


def test_wire_is_the_slowest_path_times_their_number() -> None:
    slow = replace(GOOD, to_servers=BulkFigures(50e6, host_is_limit=False))
    wire = wire_of([GOOD, slow], (160e6, 110e6), is_ipv6=False)
    assert wire is not None
    per_payload = 1538 / 1448
    assert wire.capacity.to_servers == pytest.approx(100e6 * per_payload)  # each generator has half of the load
    assert wire.capacity.to_generators == pytest.approx(110e6 * per_payload)  # what both together carry
    (finding,) = check_together(wire, ["lab2", "lab3"])
    assert finding.value == "850 Mbit/s to the servers; 935 Mbit/s back"


def test_wire_that_a_host_could_not_fill_is_unknown() -> None:
    busy = replace(GOOD, to_servers=BulkFigures(5e9, host_is_limit=True))
    wire = wire_of([busy], None, is_ipv6=False)
    assert wire is not None
    assert math.isnan(wire.capacity.to_servers)
    assert not math.isnan(wire.capacity.to_generators)
    assert wire_of([replace(GOOD, mtu=None)], None, is_ipv6=False) is None


def test_path_of_loopback_is_measured() -> None:
    with PathProbe("127.0.0.1") as probe:
        path = probe.measure(ThreadGenerator("lab2"))
    assert path.problem == ""
    assert path.round_trips is not None
    assert 0 < path.round_trips.shortest_ms <= path.round_trips.median_ms <= path.round_trips.longest_ms
    for figures in (path.to_servers, path.to_generator):
        assert figures is not None
        assert figures.payload_bytes_per_s is not None
        assert figures.payload_bytes_per_s > 0
    assert path.loss is not None
    assert path.loss.sent > 0
    assert (path.loss.lost_to_servers, path.loss.lost_to_generator) == (0, 0)
    assert path.mtu is not None
    assert path.mtu >= 1500
    assert {each.name for each in path.interfaces.values() if each} == {"lo"}


def test_paths_to_several_generators_are_measured_together() -> None:
    generators = [ThreadGenerator("lab2"), ThreadGenerator("lab3")]
    preflight = measure_paths("127.0.0.1", generators, {"lab2": LINK, "lab3": LINK})
    assert set(preflight.paths) == {"lab2", "lab3"}
    assert preflight.wire is not None
    assert "bandwidth of all paths together" in states(preflight.findings)


def test_address_of_another_host_leaves_the_paths_unmeasured() -> None:
    preflight = measure_paths("192.0.2.1", [ThreadGenerator("lab2")], {"lab2": LINK})  # RFC 5737: of no host
    assert (states(preflight.findings), preflight.wire) == ({"paths": "note"}, None)


def test_datagrams_that_nobody_reads_are_drops_and_not_lost() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as full,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        full.bind(("127.0.0.1", 0))
        sender.connect(full.getsockname())
        burst = send_burst(sender, b"token", 200, 0.0)
        echo = DatagramEcho(full, b"token")
        with echo.running():
            pass
        loss = LossFigures(burst.sent, len(echo.received), echo.echoed, echo.echoed, echo.dropped, 0)
    assert loss.received < loss.sent == 200
    assert loss.dropped == loss.sent - loss.received
    assert loss.lost_to_servers == 0


def test_two_names_of_one_machine_are_noticed() -> None:
    other = {"boot_id": "b", "machine": {}}
    assert check_machines({"boot_id": "a"}, {"lab2": other}) == []
    same = check_machines({"boot_id": "b"}, {"lab2": other, "lab3": {"boot_id": "c", "machine": {}}})
    assert states(same) == {"hosts": "bad"}
    assert "lab2 and the servers are on one machine" in same[0].value
    assert check_machines({"boot_id": ""}, {"lab2": {"boot_id": "", "machine": {}}}) == []


@pytest.mark.parametrize(("reuse", "expected"), [("1", {}), ("2", {"local ports": "note"}), (None, {})])
def test_ports_that_stay_in_use_are_a_note(reuse: str | None, expected: dict[str, str]) -> None:
    machine = {"kernel_settings": {"tcp_tw_reuse": reuse}}
    found = check_machines({"boot_id": "a"}, {"lab2": {"boot_id": "b", "machine": machine}})
    assert states(found) == expected


def test_finding_of_a_host_has_its_name() -> None:
    plain = {"name": "governor", "value": "powersave", "state": "note", "why": "slow", "remedy": "performance"}
    assert states(host_findings("lab2", [plain])) == {"governor of lab2": "note"}


def test_round_trips_of_a_link_are_those_of_the_questions() -> None:
    asked: list[int] = []
    found = measure_link(lambda: asked.append(1))
    assert len(asked) == 51  # the first one is not counted
    assert 0 < found.shortest_ms <= found.median_ms <= found.longest_ms

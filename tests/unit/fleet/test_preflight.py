"""Findings about the machines of a run and the paths between them."""

from typing import Any

import pytest

from bench.fleet.preflight import RoundTrips, check_machines, check_path, path_mtu


def states(findings: list[Any]) -> dict[str, str]:
    return {finding.name: finding.state for finding in findings}


@pytest.mark.parametrize(("median_ms", "mtu", "expected"), [(0.2, 1500, ["note", "note"]), (3.0, 1400, ["bad", "bad"])])
def test_slow_path_and_small_packets_are_problems(median_ms: float, mtu: int, expected: list[str]) -> None:
    findings = check_path("lab2", RoundTrips(median_ms, 2 * median_ms, median_ms / 2), mtu)
    assert [finding.state for finding in findings] == expected
    assert all("lab2" in finding.name and finding.why and finding.remedy for finding in findings)
    assert f"clocks known to {median_ms / 4:.2f} ms" in findings[0].value


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


def test_round_trips_are_those_of_the_questions() -> None:
    asked: list[int] = []
    found = RoundTrips.measure(lambda: asked.append(1))
    assert len(asked) == 51  # the first one is not counted
    assert 0 < found.shortest_ms <= found.median_ms <= found.longest_ms


def test_mtu_of_loopback_is_that_of_its_device() -> None:
    mtu = path_mtu("127.0.0.1")
    assert mtu is not None
    assert mtu >= 1500

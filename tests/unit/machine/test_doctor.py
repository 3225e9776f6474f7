import pytest

from bench.machine.cgroup_limits import Limits
from bench.machine.doctor import Finding, State, _busy_processes, findings, problems


def test_findings_have_value_reason_and_remedy() -> None:
    found = findings()
    names = [finding.name for finding in found]
    assert len(names) == len(set(names))
    assert {
        "CPUs",
        "governor",
        "clock source",
        "steal time",
        "file descriptors",
        "net.core.somaxconn",
        "Python",
    } <= set(names)
    assert all(finding.value and finding.why and finding.remedy for finding in found)


def test_problems_are_the_bad_findings() -> None:
    states: tuple[State, ...] = ("good", "note", "bad")
    good, note, bad = (Finding(state, "1", state, "why", "remedy") for state in states)
    assert problems([good, note, bad]) == [bad]


@pytest.mark.parametrize(
    ("clock", "backlog", "names"), [("tsc", "4096", set()), ("hpet", "128", {"clock source", "net.core.somaxconn"})]
)
def test_findings_reject_slow_clock_and_short_backlog(
    clock: str, backlog: str, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "/sys/devices/system/clocksource/clocksource0/current_clocksource": clock,
        "/proc/sys/net/core/somaxconn": backlog,
    }
    monkeypatch.setattr("bench.machine.doctor.read_kernel_file", lambda path: files.get(path, ""))
    found = {finding.name for finding in problems(findings())}
    assert found & {"clock source", "net.core.somaxconn"} == names


@pytest.mark.parametrize(
    ("limits", "states", "memory"),
    [
        (
            Limits(0.5, 2_000_000_000, 900_000_000),
            {"CPU quota": "bad", "memory": "bad"},
            "900 MB free of the container's 2,000 MB",
        ),
        (Limits(8.0, 1 << 59, 1 << 59), {"CPU quota": "good", "memory": "good"}, "MB free of the container's"),
        (Limits(), {"memory": "good"}, "MB free"),
    ],
)
def test_limits_of_container_are_findings(
    limits: Limits, states: dict[str, State], memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.machine.cgroup_limits.read_limits", lambda: limits)
    found = {finding.name: finding for finding in findings()}
    assert {name: found[name].state for name in ("CPU quota", "memory") if name in found} == states
    assert memory in found["memory"].value


def test_busy_process_name_is_printed_without_control_characters() -> None:
    finding = _busy_processes({1: ("ps\x1b[31m", 0.0)}, {1: ("ps\x1b[31m", 1.0)}, 1.0)
    assert finding.state == "bad"
    assert finding.value == "ps\ufffd[31m (1) 100%"

import pytest

from bench.machine.doctor import Finding, findings, troubles


def test_everything_that_is_looked_at_says_why_it_matters() -> None:
    found = findings()
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    assert {"CPUs", "governor", "clock source", "steal time", "descriptors", "net.core.somaxconn", "Python"} <= set(
        names
    )
    assert all(one.value and one.why and one.remedy for one in found)


def test_before_a_run_only_what_spoils_its_figures_is_told() -> None:
    good, look, bad = (Finding(state, "1", state, "why", "remedy") for state in ("good", "look", "bad"))
    assert troubles([good, look, bad]) == [bad]


@pytest.mark.parametrize(
    ("clock", "backlog", "told"), [("tsc", "4096", set()), ("hpet", "128", {"clock source", "net.core.somaxconn"})]
)
def test_a_slow_clock_and_a_short_backlog_spoil_figures(
    clock: str, backlog: str, told: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "/sys/devices/system/clocksource/clocksource0/current_clocksource": clock,
        "/proc/sys/net/core/somaxconn": backlog,
    }
    monkeypatch.setattr("bench.machine.doctor._read", lambda path: files.get(path, ""))
    found = {one.name for one in troubles(findings())}
    assert found & {"clock source", "net.core.somaxconn"} == told

"""The load generator as a process, against a server whose every reply is known beforehand."""

import pytest

from bench.selftest.checks import Check, checks
from bench.selftest.runner import run

pytestmark = [pytest.mark.serial, pytest.mark.slow]

CHECKS = list(checks(scale=0.5))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_what_is_reported_of_a_known_server_is_so(check: Check) -> None:
    result = run(check)
    # A machine that stalls can spoil a time, and the generator says so then; no count.
    assert result.outcome != "fails", "\n".join(str(finding) for finding in result.findings if not finding.holds)
    assert result.outcome == "holds" or check.timed


def test_every_check_has_its_own_name() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)

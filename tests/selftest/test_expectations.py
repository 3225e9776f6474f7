import numpy as np
import pytest

from bench.selftest.check import MS, machine_disturbed
from bench.selftest.expectations import code_absent, code_raised
from bench.selftest.trial import STAMP_FIELDS, Evidence


def make_evidence(*flags: tuple[str, float], texts: list[str]) -> Evidence:
    """Return the evidence of a trial whose verdict has these flags."""
    verdict = {"codes": texts, "findings": [], "flags": [{"code": code, "value": value} for code, value in flags]}
    return Evidence({"verdict": verdict}, np.zeros(0), np.zeros(0, STAMP_FIELDS), None)


def test_code_is_read_from_the_flags_and_not_from_their_text() -> None:
    evidence = make_evidence(("LOSS", 0.05), texts=["5 % lost"])
    assert code_raised(evidence, "LOSS", "OVERLOAD").holds
    assert not code_raised(evidence, "OVERLOAD").holds
    assert code_absent(evidence, "OVERLOAD").holds
    absent = code_absent(evidence, "LOSS")
    assert (absent.holds, absent.seen) == (False, "5 % lost")


@pytest.mark.parametrize(("code", "disturbed"), [("CPU_STEAL", True), ("LOSS", False)])
def test_machine_disturbed_by_codes_that_concern_times(code: str, disturbed: bool) -> None:
    assert machine_disturbed(make_evidence((code, 0.5), texts=["anything"])) is disturbed


@pytest.mark.parametrize(
    ("late_ms", "disturbed"),
    [
        ([0.1] * 100, False),
        ([0.1] * 90 + [8.0] * 10, True),  # the server did not run for a while
        ([8.0] * 100, False),  # every request is late: the generator stamps them too early
    ],
)
def test_machine_disturbed_if_some_requests_were_read_late(late_ms: list[float], disturbed: bool) -> None:
    raw = np.zeros(len(late_ms), [(name, np.int64) for name in ("connection", "number", "sent_ns", "received_ns")])
    stamps = np.zeros(len(late_ms), STAMP_FIELDS)
    raw["number"] = stamps["number"] = np.arange(len(late_ms))
    raw["received_ns"] = 100 * MS
    stamps["arrival_ns"] = np.array(late_ms) * MS
    stamps["planned_ns"] = stamps["sent_ns"] = 20 * MS
    evidence = Evidence({"verdict": {"codes": [], "findings": [], "flags": []}}, raw, stamps, None)
    assert machine_disturbed(evidence) is disturbed

import numpy as np
import pytest

from bench.selftest.check import machine_disturbed
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

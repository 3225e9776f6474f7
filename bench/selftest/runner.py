"""Runs checks one after the other and says of each what was expected and what was seen."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bench.experiment.child_process import ChildError
from bench.selftest.checks import Check, Finding, disturbed
from bench.selftest.trial import gather

TRIES = 3  # of a check about times on a machine that stalls
Outcome = Literal["holds", "fails", "disturbed"]


@dataclass(frozen=True, slots=True)
class Result:
    """One check, done."""

    check: Check
    outcome: Outcome
    findings: list[Finding]
    tries: int

    def as_document(self) -> dict[str, Any]:
        """For a file."""
        return {
            "name": self.check.name,
            "question": self.check.question,
            "outcome": self.outcome,
            "tries": self.tries,
            "findings": [asdict(finding) for finding in self.findings],
        }


def run(check: Check) -> Result:
    """Run one check; one about times again if the machine disturbed it.

    A time that is off while the generator says that it was disturbed is no error of the generator: it said so. What is
    counted must be right whatever the machine does.
    """
    for tries in range(1, TRIES + 1):
        try:
            evidence = gather(check.trial, check.disturb)
        except ChildError as error:
            return Result(check, "fails", [Finding("the trial", "to be run", str(error), holds=False)], tries)
        findings = check.judge(evidence)
        if all(finding.holds for finding in findings):
            return Result(check, "holds", findings, tries)
        if not (check.timed and disturbed(evidence)):
            return Result(check, "fails", findings, tries)
    return Result(check, "disturbed", findings, tries)


def run_all(checks: Iterable[Check], tell: Callable[[Result], None]) -> list[Result]:
    """Run all of them. tell: is told of each when it is done."""
    results = []
    for check in checks:
        results.append(run(check))
        tell(results[-1])
    return results


def lines(result: Result) -> list[str]:
    """What is told of a check: one line, and one more for each expectation that did not hold."""
    marks = {"holds": "ok       ", "fails": "FAILS    ", "disturbed": "disturbed"}
    told = [f"{marks[result.outcome]} {result.check.name}: {result.check.question}"]
    told += [
        f"            {finding.what}: expected {finding.expected}, seen {finding.seen}"
        for finding in result.findings
        if not finding.holds or finding.shown
    ]
    return told


def summary(results: Sequence[Result]) -> str:
    """One line on all of them."""
    counts = Counter(result.outcome for result in results)
    words = f"{counts['holds']} of {len(results)} hold"
    if counts["disturbed"]:
        words += f", {counts['disturbed']} could not be judged: this machine stalled, and the generator said so"
    return words + (f", {counts['fails']} FAIL" if counts["fails"] else "")

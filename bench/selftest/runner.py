"""Run checks one after the other and describe their results."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bench.experiment.child_process import ChildError
from bench.selftest.check import Check, machine_disturbed
from bench.selftest.expectations import Finding
from bench.selftest.trial import run_trial

MAX_TRIES = 3  # of a check about times, on a machine that stalls
Outcome = Literal["passed", "failed", "disturbed"]
_MARKS: dict[Outcome, str] = {"passed": "ok       ", "failed": "FAILED   ", "disturbed": "disturbed"}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check."""

    check: Check
    outcome: Outcome
    findings: list[Finding]
    tries: int

    def to_document(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            "name": self.check.name,
            "question": self.check.question,
            "outcome": self.outcome,
            "tries": self.tries,
            "findings": [asdict(finding) for finding in self.findings],
        }


def run_check(check: Check) -> Result:
    """Run one check; repeat a check about times if the machine disturbed it.

    A wrong time is not an error of the generator if the generator reported the disturbance. Counts must be right in any
    case.
    """
    for tries in range(1, MAX_TRIES + 1):
        try:
            evidence = run_trial(check.trial, check.disturb)
        except ChildError as error:
            return Result(check, "failed", [Finding("the trial", "to run", str(error), holds=False)], tries)
        findings = check.judge(evidence)
        if all(finding.holds for finding in findings):
            return Result(check, "passed", findings, tries)
        if not (check.timed and machine_disturbed(evidence)):
            return Result(check, "failed", findings, tries)
    return Result(check, "disturbed", findings, tries)


def run_all(checks: Iterable[Check], report: Callable[[Result], None]) -> list[Result]:
    """Run all checks. report: called with each result as soon as it is known."""
    results = []
    for check in checks:
        results.append(run_check(check))
        report(results[-1])
    return results


def describe(result: Result) -> list[str]:
    """Return one line for a check, and one for each expectation that was not met."""
    return [
        f"{_MARKS[result.outcome]} {result.check.name}: {result.check.question}",
        *(
            f"            {finding.what}: expected {finding.expected}, reported {finding.seen}"
            for finding in result.findings
            if not finding.holds or finding.always_shown
        ),
    ]


def summarise(results: Sequence[Result]) -> str:
    """Return one line about all checks."""
    counts = Counter(result.outcome for result in results)
    line = f"{counts['passed']} of {len(results)} checks passed"
    if counts["disturbed"]:
        line += f", {counts['disturbed']} not judged (the machine stalled, and the generator reported it)"
    if counts["failed"]:
        line += f", {counts['failed']} FAILED"
    return line

"""A run compared with the first one, and its lines of JSON."""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.compare.changes import Change, changes
from bench.compare.gates import GateOutcome, GateResult, Rule, judge_rule
from bench.compare.missing_cases import Missing, missing, only_in_one
from bench.compare.outcome_counts import count_outcomes
from bench.compare.run_values import RunValues


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A run, compared with the first one."""

    names: Sequence[str]  # of both runs
    environment: Sequence[str]  # how the machines and programs differ
    changes: Sequence[Change]
    missing: Sequence[Missing]
    gates: Sequence[GateResult]  # one for each --fail-if
    only_in_one: tuple[list[str], list[str]]  # arms and load points
    objectives: str  # how the objectives of the searches differ; empty if they do not
    origin: str = ""  # when and on which machine the runs were measured

    def has_gate(self, outcome: GateOutcome) -> bool:
        """Return whether a gate has an outcome."""
        return any(gate.outcome == outcome for gate in self.gates)

    @property
    def has_unjudged_gate(self) -> bool:
        """Return whether an undecided gate has no comparison that can be judged."""
        return any(gate.outcome == GateOutcome.UNDECIDED and not gate.is_judged for gate in self.gates)

    @property
    def judged(self) -> list[Change]:
        """The changes of servers that may have changed; those of the same programs show the machine."""
        return [change for change in self.changes if not change.same_program]

    @property
    def is_other_machine(self) -> bool:
        """Return whether the processors differ."""
        return any(line.startswith(("cpu_model:", "cpus:", "architecture:")) for line in self.environment)


def compare_runs(
    names: Sequence[str],
    environment: Sequence[str],
    runs: tuple[RunValues, RunValues],
    rules: Sequence[Rule],
    *,
    same_programs: Collection[str] = (),
    arms: Collection[str] = (),
    origin: str = "",
) -> RunComparison:
    """Compare two runs. Raises RuleError if a rule has nothing to judge.

    same_programs: labels of models that are the same program in both runs. arms: the only ones to judge; all if empty.
    origin: when and on which machine the runs were measured.
    """
    before, after = runs
    found = changes(before, after, same_programs, arms)
    lost = [item for item in missing(before, after, same_programs) if not arms or item.arm in arms]
    return RunComparison(
        names=names,
        environment=environment,
        changes=found,
        missing=lost,
        gates=[judge_rule(found, lost, rule) for rule in rules],
        only_in_one=only_in_one(before, after),
        objectives=_objectives(before, after),
        origin=origin,
    )


def json_lines(comparison: RunComparison) -> list[str]:
    """Return a line of JSON for each change, for each value that is missing and for each gate, and one that counts."""
    broken = [item for gate in comparison.gates for item in (*gate.broken, *gate.missing)]
    undecided = [change for gate in comparison.gates for change in gate.undecided]
    rows: list[tuple[str, dict[str, Any]]] = [
        (row_type, asdict(item) | {"broken": item in broken, "undecided": item in undecided})
        for row_type, items in (("change", comparison.changes), ("missing", comparison.missing))
        for item in items
    ]
    rows += [("gate", _gate_values(gate)) for gate in comparison.gates]
    rows.append(("summary", asdict(count_outcomes(comparison.judged))))
    return [
        json.dumps({"type": row_type, "runs": list(comparison.names), **_to_json(values)}) for row_type, values in rows
    ]


def _gate_values(gate: GateResult) -> dict[str, Any]:
    return {
        "rule": str(gate.rule),
        "outcome": gate.outcome.value,
        "comparisons": len(gate.comparisons),
        "broken": len(gate.broken) + len(gate.missing),
        "undecided": len(gate.undecided),
        "largest_detectable_share": max(gate.detectable_shares, default=math.nan),
    }


def _objectives(before: RunValues, after: RunValues) -> str:
    if not before.objectives or not after.objectives or before.objectives == after.objectives:
        return ""
    return f"{'; '.join(before.objectives)} -> {'; '.join(after.objectives)}"


def _to_json(values: dict[str, Any]) -> dict[str, Any]:
    """Replace nan and infinity, which JSON does not have, by null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }

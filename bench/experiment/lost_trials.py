"""The rows of a block whose servers or generators were lost: every trial that has no row has failed. Pure."""

from collections.abc import Sequence

from bench.experiment.row_builder import TrialContext
from bench.experiment.trial_rows import unmeasured_row
from bench.plan.schedule import Schedule
from bench.schema.csv_schema import TrialRow
from bench.schema.load_points import LoadPoint


def lost_trials(schedule: Schedule, block: int, finished: Sequence[TrialRow], reason: str) -> list[TrialRow]:
    """Return a row for each trial of a block that is not among the finished ones. Those that are skipped stay so."""
    known = {(row.arm, *(getattr(row, name) for name in LoadPoint.PLANNED_COLUMNS)) for row in finished}
    rows = []
    for load in (load for scenario in schedule.block_order(block) for load in scenario.loads):
        for arm in schedule.arms:
            trials = [TrialContext(schedule, block, arm, load, part) for part in load.parts]
            for trial in trials:
                if (arm.name, *(trial.factors[name] for name in LoadPoint.PLANNED_COLUMNS)) in known:
                    continue
                skipped = load.skip_reasons[arm]
                rows.append(unmeasured_row(trial, "skipped" if skipped else "failed", skipped or reason))
    return rows

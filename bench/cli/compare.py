"""``holabench compare``: print what changed between runs, and fail if a condition holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import stdout_console
from bench.plan.definition import PlanError
from clients.cli_errors import Stop

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    from collections.abc import Iterator, Sequence

    from bench.cli.comparison_output import RunComparison
    from bench.compare.run_values import RunValues
    from bench.store.reader import RunData

CONDITION_HOLDS = 4  # exit code


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Run folder of the first run.")],
    after: Annotated[list[Path], typer.Argument(metavar="AFTER...", help="Run folders to compare with it.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help='Fail with exit code 4 if this condition holds, e.g. "cpu_us_per_request>5%". Repeatable. '
            "Default: never fail.",
        ),
    ] = None,
    require_power: Annotated[
        bool,
        typer.Option(
            "--require-power",
            help="Fail with exit code 4, too, if a comparison could not have detected the change of a --fail-if.",
        ),
    ] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Print equivalent and inconclusive comparisons, too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per comparison, for scripts.")
    ] = False,
) -> int:
    """Print what changed between runs: each server at each load point, with its confidence interval.

    Examples:

      holabench compare results/monday results/tuesday

      holabench compare main branch --fail-if "cpu_us_per_request>5%"

    A --fail-if condition holds if the change is significant and larger than the limit, or if the metric could not be
    measured any more. If both runs have a baseline, the change of the ratio to it decides. The output states the
    smallest change that could have been detected.

    Exit codes: 0 success; 2 wrong input, or nothing that a condition could judge; 4 a condition holds, or
    (with --require-power) could not have been detected.
    """
    from bench.cli.comparison_output import json_lines, print_comparison
    from bench.compare.gates import RuleError
    from bench.store.errors import StoreError

    if require_power and not fail_if:
        raise Stop("--require-power only applies to --fail-if conditions; add one, or remove --require-power")
    try:
        comparisons = list(_compare_runs(before, after, fail_if or []))
    except RuleError as error:
        raise Stop(f"--fail-if {error}") from error
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    for comparison in comparisons:
        if as_json:
            for line in json_lines(comparison):
                typer.echo(line)
        else:
            print_comparison(stdout_console(), comparison, show_all=show_all)
    fails = any(comparison.fails(require_power=require_power) for comparison in comparisons)
    return CONDITION_HOLDS if fails else 0


def _compare_runs(before: Path, after: "Sequence[Path]", fail_if: "Sequence[str]") -> "Iterator[RunComparison]":
    """Compare each run with the first. Raises RuleError, StoreError, PlanError."""
    from bench.cli.comparison_output import compare_runs
    from bench.compare.gates import parse_rule
    from bench.machine.environment import differences
    from bench.store.folder_labels import labels
    from bench.store.reader import read_run

    rules = [parse_rule(text) for text in fail_if]
    first = read_run(before)
    first_values = _collect_values(first)
    for path in after:
        run = read_run(path)
        environment = differences(first.environment, run.environment)
        yield compare_runs(labels([before, path]), environment, (first_values, _collect_values(run)), rules)


def _collect_values(run: "RunData") -> "RunValues":
    """Return what is compared of a run, judged by the thresholds of its own plan. Raises StoreError, PlanError."""
    from bench.compare.run_values import collect_values, planned_cases

    run.check_measured()
    return collect_values(run.trials, run.slices, run.max_rate, planned_cases(run.plan), thresholds=run.thresholds)

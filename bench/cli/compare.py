"""``holabench compare``: print what changed between runs, and fail if a condition holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import stdout_console
from bench.cli.language import Language
from bench.cli.option_values import parse_percent
from bench.cli.page_output import HtmlOption, check_page_path, write_page
from bench.plan.definition import PlanError
from bench.schema.arms import Arm
from clients.cli_errors import Stop

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    from collections.abc import Iterator, Sequence

    from bench.compare.run_comparison import RunComparison
    from bench.compare.run_values import RunValues
    from bench.store.reader import RunData

CONDITION_HOLDS, UNDECIDED = 4, 5  # exit codes


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
    allow_undecided: Annotated[
        bool,
        typer.Option(
            "--allow-undecided",
            help="Exit with 0 instead of 5 if a --fail-if could not be decided, because the intervals are too wide. "
            "If no comparison could be judged, the code is 5 all the same.",
        ),
    ] = False,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVER",
            help="Judge only this server, e.g. asyncio/tcp, so that smaller changes are detected. Repeatable. "
            "Default: all.",
        ),
    ] = None,
    threshold: Annotated[
        str, typer.Option(metavar="PERCENT", help="List changes from this size on; count smaller ones.")
    ] = "5%",
    show_all: Annotated[
        bool, typer.Option("--all", help="List every comparison: small, equivalent and inconclusive ones, too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per comparison, for scripts.")
    ] = False,
    html: HtmlOption = None,
    lang: Language = None,
) -> int:
    """Print what changed between runs: each server at each load point, with its confidence interval.

    Examples:

      holabench compare results/monday results/tuesday

      holabench compare results/monday results/tuesday --html changes.html

      holabench compare main branch --fail-if "cpu_us_per_request>5%"

    A --fail-if condition holds if a change is significant and larger than the limit, or if the metric could not be
    measured any more. It is undecided if the runs cannot exclude a change as large as the limit, e.g. because all their
    figures are invalid. The changes are those of the ratios inside rounds to servers that are the same program in both
    runs, if there are any.

    Exit codes: 0 success; 2 wrong input, or a condition on a metric that no server has in both runs; 4 a condition
    holds; 5 a condition is undecided.
    """
    from bench.compare.gates import GateOutcome, RuleError
    from bench.store.errors import StoreError

    if allow_undecided and not fail_if:
        raise Stop("--allow-undecided only applies to --fail-if conditions; add one, or remove --allow-undecided")
    check_page_path(html)
    min_listed = parse_percent("--threshold", threshold)
    try:
        comparisons = list(_compare_runs(before, after, fail_if or [], arm or []))
    except RuleError as error:
        raise Stop(f"--fail-if {error}") from error
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    _show(comparisons, min_listed, html, show_all=show_all, as_json=as_json)
    if any(comparison.has_gate(GateOutcome.BROKEN) for comparison in comparisons):
        return CONDITION_HOLDS
    is_undecided = any(comparison.has_gate(GateOutcome.UNDECIDED) for comparison in comparisons)
    is_unjudged = any(comparison.has_unjudged_gate for comparison in comparisons)
    return UNDECIDED if is_unjudged or (is_undecided and not allow_undecided) else 0


def _show(
    comparisons: "Sequence[RunComparison]", threshold: float, html: Path | None, *, show_all: bool, as_json: bool
) -> None:
    """Write the page if there is a path for it, and print the comparisons."""
    from bench.cli.comparison_output import print_comparison
    from bench.compare.run_comparison import json_lines

    if html is not None:  # before printing, so that a reader who closes the pipe has the page
        from bench.report.comparison_page import render_comparisons

        write_page(html, render_comparisons(comparisons, threshold))
    for comparison in comparisons:
        if as_json:
            for line in json_lines(comparison):
                typer.echo(line)
        else:
            print_comparison(stdout_console(), comparison, threshold=threshold, show_all=show_all)
    if html is not None and not as_json:
        typer.echo(html)


def _compare_runs(
    before: Path, after: "Sequence[Path]", fail_if: "Sequence[str]", arms: "Sequence[str]"
) -> "Iterator[RunComparison]":
    """Compare each run with the first. Raises RuleError, StoreError, PlanError, Stop."""
    from bench.cli.same_programs import find_same_programs
    from bench.compare.gates import parse_rule
    from bench.compare.run_comparison import compare_runs
    from bench.machine.environment import differences
    from bench.report.facts import describe_origin
    from bench.store.folder_labels import labels
    from bench.store.reader import read_run

    rules = [parse_rule(text) for text in fail_if]
    first = read_run(before)
    first_values = _collect_values(first)
    for path in after:
        run = read_run(path)
        values = _collect_values(run)
        if unknown := [name for name in arms if name not in _common_arms(first_values, values)]:
            names = ", ".join(_common_arms(first_values, values))
            raise Stop(f"--arm {unknown[0]}: not in both runs; {f'both have {names}' if names else 'no server is'}")
        run_names = labels([before, path])
        yield compare_runs(
            run_names,
            differences(first.environment, run.environment),
            (first_values, values),
            rules,
            same_programs=find_same_programs(first, run, arms),
            arms=arms,
            origin=describe_origin(
                run_names, [first.environment, run.environment], [first.known_start, run.known_start]
            ),
        )


def _common_arms(first: "RunValues", second: "RunValues") -> list[str]:
    """Return the arms in the plans of both runs, without controls."""
    common = {case.arm for case in first.planned} & {case.arm for case in second.planned}
    return sorted(name for name in common if not Arm.parse(name).control)


def _collect_values(run: "RunData") -> "RunValues":
    """Return what is compared of a run, judged by the thresholds of its own plan. Raises StoreError, PlanError."""
    from bench.compare.run_values import collect_values, planned_cases

    run.check_measured()
    return collect_values(run.trials, run.slices, run.max_rate, planned_cases(run.plan), thresholds=run.thresholds)

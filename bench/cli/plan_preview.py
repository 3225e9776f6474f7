"""Print what a plan would measure, without measuring it."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench.cli.console import print_line, text_cells
from bench.formatting import format_duration, plural
from bench.plan.definition import Plan
from bench.plan.matrix import arms, scenario_load_points, skip_reason
from bench.plan.validation import check
from servers.registry import Description


def print_plan(plan: Plan, console: Console) -> None:
    """Print the load points of a plan with the servers that are measured or skipped, and the duration.

    The plan's interpreters are not started: they may come from a plan file of another person. Raises PlanError.
    """
    from bench.experiment.model_catalogue import known_models
    from bench.plan.time_budget import duration_s

    models = known_models(plan)
    check(plan, models)
    print_line(console, f"{plan.name}: {plan.question}" if plan.question else plan.name)
    console.print(_case_table(plan, models))
    for reason in _skip_reasons(plan, models):
        print_line(console, f"skipped: {reason}")
    if plan.pythons:
        print_line(console, f"interpreters, if installed: {', '.join(plan.pythons)}")
    print_line(console, _duration(plan, duration_s(plan, models)))


def _case_table(plan: Plan, models: Mapping[str, Description]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("scenario", "connections", "bytes", "rate", "servers", "skipped"):
        table.add_column(heading, overflow="fold")
    for scenario in plan.scenarios:
        for point in scenario_load_points(scenario):
            skipped = [arm.display_name for arm in arms(plan) if skip_reason(plan, arm, point, models)]
            table.add_row(
                *text_cells(
                    scenario.name,
                    str(point.connections),
                    str(point.message_bytes or "-"),
                    scenario.rate_text or "closed loop",
                    str(len(arms(plan)) - len(skipped)),
                    ", ".join(skipped) or "-",
                )
            )
    return table


def _skip_reasons(plan: Plan, models: Mapping[str, Description]) -> list[str]:
    """Return each reason for which a case is skipped, once."""
    points = [point for scenario in plan.scenarios for point in scenario_load_points(scenario)]
    reasons = [skip_reason(plan, arm, point, models) for point in points for arm in arms(plan)]
    return list(dict.fromkeys(filter(None, reasons)))


def _duration(plan: Plan, seconds: float) -> str:
    if plan.target_precision:
        return (
            f"blocks until every interval is within ±{plan.target_precision:.3g} of its value, "
            f"for {plan.max_minutes:g} minutes at most"
        )
    return f"{plural(plan.blocks, 'block')}, about {format_duration(seconds)}"

"""Print what a plan would measure, without measuring it."""

import os

from rich.console import Console
from rich.table import Table

from bench.cli.console import print_line, text_cells
from bench.cli.plan_options import add_seed
from bench.formatting import format_duration
from bench.machine.cpu_layout import place_here
from bench.machine.fd_limit import hard_limit
from bench.machine.free_memory import free_memory_mb
from bench.plan.definition import Plan
from bench.plan.host_limits import HostLimits
from bench.plan.population_texts import describe_scenario
from bench.plan.sample_sizes import percentile_needs
from bench.plan.schedule import Schedule, ScheduledLoad, describe_turns, resolve
from bench.schema.load_time import LoadTime
from bench.translation import gettext, ngettext, pgettext, translate_line


def print_plan(plan: Plan, console: Console) -> None:
    """Print the load points of a plan with the servers that are measured or skipped, and the duration.

    The plan's interpreters are not started: they may come from a plan file of another person. Raises PlanError where a
    run would.
    """
    from bench.experiment.model_catalogue import known_models
    from bench.plan.time_budget import duration_s, load_s

    models, usable_cpus = known_models(plan), sorted(os.sched_getaffinity(0))
    placement = place_here(usable_cpus)
    schedule = resolve(
        add_seed(plan),
        models,
        server_cpus=placement.server,
        generator_cpus=placement.generator,
        limits=HostLimits(hard_limit(), free_memory_mb()),
    )
    print_line(console, f"{plan.name}: {gettext(plan.question)}" if plan.question else plan.name)
    console.print(_case_table(schedule))
    for scenario in plan.scenarios:
        for line in describe_scenario(scenario):
            print_line(console, line)
    for line in describe_turns(schedule):
        print_line(console, line)
    for reason in _skip_reasons(schedule):
        print_line(console, gettext("skipped: {reason}", reason=translate_line(reason)))
    for needs in (percentile_needs(plan, scenario) for scenario in plan.scenarios):
        if needs:
            print_line(console, needs)
    if plan.pythons:
        print_line(console, gettext("interpreters, if installed: {pythons}", pythons=", ".join(plan.pythons)))
    print_line(console, _duration(plan, LoadTime(load_s(plan, models), duration_s(plan, models))))


def _case_table(schedule: Schedule) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in _headings():
        table.add_column(heading, overflow="fold")
    for load in _loads(schedule):
        arms = schedule.searched_arms if load.scenario.searches else schedule.arms
        skipped = [arm.display_name for arm in arms if load.skip_reasons[arm]]
        table.add_row(
            *text_cells(
                load.scenario.name,
                str(load.point.connections),
                str(load.point.message_bytes or "-"),
                load.scenario.rate_text or (gettext("see below") if load.has_populations else gettext("closed loop")),
                str(len(arms) - len(skipped)),
                ", ".join(skipped) or "-",
            )
        )
    return table


def _headings() -> tuple[str, ...]:
    names = (gettext("scenario"), gettext("connections"), gettext("bytes"), gettext("rate"), gettext("servers"))
    return (*names, pgettext("servers", "skipped"))


def _skip_reasons(schedule: Schedule) -> list[str]:
    """Return each reason for which a case is skipped, once."""
    reasons = [reason for load in _loads(schedule) for reason in load.skip_reasons.values()]
    return list(dict.fromkeys(filter(None, reasons)))


def _loads(schedule: Schedule) -> list[ScheduledLoad]:
    """Return every load point in the order of the plan."""
    return [load for scenario in schedule.scenarios for load in scenario.loads]


def _duration(plan: Plan, expected: LoadTime) -> str:
    if plan.target_precision:
        return gettext(
            "blocks until every interval is within ±{target_precision:.3g} of its value, for "
            "{max_minutes:g} minutes at most",
            target_precision=plan.target_precision,
            max_minutes=plan.max_minutes,
        )
    blocks = gettext(
        "{blocks}, about {duration}",
        blocks=ngettext("{count} block", "{count} blocks", plan.blocks),
        duration=format_duration(expected.run_s),
    )
    share = gettext(", {share:.0%} of it under load", share=expected.share) if expected.load_s else ""
    return gettext(
        "{blocks}{share}; longer if servers take much longer for a reply than its wait and compute",
        blocks=blocks,
        share=share,
    )

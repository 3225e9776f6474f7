"""``holabench plan``: show what a run would measure."""

import typer

from bench.cli import options
from bench.cli.console import stdout_console
from bench.cli.language import Language
from bench.cli.plan_options import add_models_folder, as_refusal, build_plan, refuse_missing_programs
from bench.cli.plan_preview import print_plan
from bench.plan.definition import PlanError


def plan(
    context: typer.Context,
    plan_source: options.PlanSource = "standard",
    transports: options.Transports = "",
    protocol: options.Protocol = "",
    connections: options.Connections = "",
    message_bytes: options.MessageBytes = "",
    wait_ms: options.WaitMs = None,
    compute_units: options.ComputeUnits = None,
    rate: options.Rate = "",
    timeout: options.Timeout = None,
    seed: options.Seed = None,
    blocks: options.Blocks = None,
    seconds: options.Seconds = None,
    minutes: options.Minutes = None,
    target_precision: options.TargetPrecision = "",
    max_minutes: options.MaxMinutes = None,
    models: options.Models = "",
    reference: options.Reference = "",
    server: options.Server = None,
    target: options.Target = "",
    python: options.Python = "",
    models_from: options.ModelsFrom = None,
    lang: Language = None,
) -> None:
    """Print what a plan would measure and how long it takes, without measuring.

    Takes the options of `run` that change the plan.

    Examples:

      holabench plan my-plan.toml

      holabench plan standard --models select,asyncio --minutes 10

    Exit codes: 0 success; 2 wrong input.
    """
    given = options.given_options(context)
    options.refuse_contradictions(given)
    add_models_folder(models_from)
    try:
        built = build_plan(plan_source, given)
        refuse_missing_programs(built, plan_source, given)
        print_plan(built, stdout_console())
    except PlanError as error:
        raise as_refusal(error, given) from error

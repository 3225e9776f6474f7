"""From the options of a command line to a plan. Every error is one line: Stop, or PlanError."""

import itertools
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.cli.option_values import (
    RateOption,
    option_name,
    parse_ints,
    parse_names,
    parse_percent,
    parse_rate,
    parse_server,
    parse_target,
)
from bench.plan.definition import MAX_BLOCKS, NONE, Plan, PlanError
from bench.plan.scenario import Scenario
from bench.plan.toml import build, load_plan, preset_names
from bench.schema.metrics import ScenarioKind
from clients.cli_errors import Stop

_MAX_MINUTES = 100_000
_OPTION_OF_KEY = {"pythons": "python", "timeout_s": "timeout"}  # where the names differ


def as_refusal(error: PlanError, given: Mapping[str, Any]) -> Stop:
    """Return the error with the option that has set the wrong key, and the value of the option."""
    option = _OPTION_OF_KEY.get(error.key, error.key)
    if option not in given:
        return Stop(str(error))
    typed = _as_typed(given[option])
    is_one_of_several = error.value is not None and _as_typed(error.value) != typed
    problem = f"{error.value!r} {error.problem}" if is_one_of_several else error.problem
    return Stop(f"{option_name(option)} {typed}: {problem}")


def build_plan(source: str, given: Mapping[str, Any]) -> Plan:
    """Return the plan of a preset or file, changed by the given options. Raises Stop, PlanError.

    given: parameters of the command line by name, without those that were left out.
    """
    plan = load_plan(source)
    plan = apply_overrides(plan, _plan_overrides(given), _scenario_overrides(given))
    if "message_bytes" in given and not any(scenario.has_sizes for scenario in plan.scenarios):
        raise Stop(
            f"--message-bytes {given['message_bytes']}: no scenario of plan {plan.name!r} uses the protocol echo or "
            "work; messages of hola have a fixed size"
        )
    for name in ("wait_ms", "compute_units"):
        if name in given and not any(scenario.protocol == "work" for scenario in plan.scenarios):
            option = f"{option_name(name)} {_as_typed(given[name])}"
            raise Stop(f"{option}: no scenario of plan {plan.name!r} uses the protocol work; add --protocol work")
    if "rate" in given:
        plan = _override_rates(plan, given["rate"])
    plan = _add_external_servers(plan, given.get("server") or [], given.get("target", ""))
    if "max_minutes" in given and not plan.target_precision:
        minutes = f"{given['max_minutes']:g}"
        raise Stop(
            f"--max-minutes {minutes} only limits a run with a target precision; add e.g. --target-precision 3%, "
            f"or use --minutes {minutes} for a fixed time budget"
        )
    if "minutes" in given:
        plan = fit_to_budget(plan, given["minutes"])
    return plan


def apply_overrides(plan: Plan, plan_overrides: Mapping[str, Any], scenario_overrides: Mapping[str, Any]) -> Plan:
    """Return the plan with other values. scenario_overrides: for every scenario. Raises PlanError."""
    values = msgspec.to_builtins(plan) | dict(plan_overrides)
    for scenario in values["scenarios"]:
        scenario.update(_with_effect(scenario, scenario_overrides))
        if scenario["protocol"] == "hola":  # its messages have a fixed size
            scenario["message_bytes"] = None
    if "models" in plan_overrides:
        # A model that was left out can be neither reference nor control; the first one takes its place.
        for role in ("reference", "control"):
            if role not in plan_overrides and values[role] not in ("", NONE, *values["models"]):
                values[role] = values["models"][0]
    return build(values, "")


def _with_effect(scenario: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overrides that change a scenario. Populations may have numbers and phases lengths of their own."""
    populations = scenario["populations"]
    is_numbered = bool(populations) and all(population["connections"] is not None for population in populations)
    without_effect = {"connections": is_numbered, "seconds": bool(scenario["phases"])}
    protocol = overrides.get("protocol", scenario["protocol"])
    without_effect |= dict.fromkeys(("wait_ms", "compute_units"), protocol != "work")
    return {key: value for key, value in overrides.items() if not without_effect.get(key)}


def fit_to_budget(plan: Plan, minutes: float) -> Plan:
    """Return the plan with as many blocks as fit into the time. Raises Stop, PlanError."""
    if not 0 < minutes <= _MAX_MINUTES:
        raise Stop(f"--minutes {minutes:g}: must be greater than 0, e.g. --minutes 10")
    if plan.target_precision:
        raise Stop(
            f"--minutes {minutes:g} contradicts the plan's target precision, which decides how long the run takes; "
            f"use --max-minutes {minutes:g}"
        )
    from bench.experiment.model_catalogue import known_models
    from bench.plan.time_budget import fit

    return fit(plan, minutes, known_models(plan))


def add_models_folder(folder: Path | None) -> None:
    """Make the models of a folder available. Raises Stop."""
    from servers import registry

    if folder is None:
        return
    if not folder.is_dir():
        raise Stop(f"--models-from {folder}: not a directory")
    registry.add_folder(str(folder.resolve()))


def add_seed(plan: Plan) -> Plan:
    """Return the plan with its own seed, or else with a random one."""
    return plan if plan.seed is not None else msgspec.structs.replace(plan, seed=secrets.randbelow(2**31))


def refuse_missing_programs(plan: Plan, source: str, given: Mapping[str, Any]) -> None:
    """Raise Stop if the program of a --server, or of a server in the user's own plan, is not installed.

    A preset is shared between machines, so its servers are skipped where their program is missing. source: of the plan.
    """
    from bench.experiment.plan_programs import missing_programs

    given_servers = {parse_server("--server", text)["name"]: text for text in given.get("server") or []}
    for server, program in missing_programs(plan, required_servers(plan, source, given)):
        text = given_servers.get(server.name)
        place = f"plan {source}: external server {server.name!r}" if text is None else f"--server {text!r}"
        folder = f"of the folder {server.folder!r}" if server.folder else "of the current directory"
        raise Stop(
            f"{place}: the program {program!r} was not found; install it, or write ./{program} for a file {folder}"
        )


def required_servers(plan: Plan, source: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the external servers whose programs must be installed: those of options, and of the user's own plan."""
    if source not in preset_names():
        return tuple(server.name for server in plan.external_servers)
    return tuple(parse_server("--server", text)["name"] for text in given.get("server") or [])


def required_interpreters(plan: Plan, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the interpreters that must be installed: those of --python."""
    return tuple(plan.pythons) if "python" in given else ()


def on_other_hosts(given: Mapping[str, Any]) -> bool:
    """Return whether the servers run on another host, so that interpreters are searched there."""
    return "fleet" in given or "servers_on" in given


def _plan_overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    overrides = {name: given[name] for name in ("blocks", "seed", "reference") if name in given}
    if "timeout" in given:
        overrides["timeout_s"] = given["timeout"]
    for name in ("models", "transports"):
        if name in given:
            overrides[name] = parse_names(f"--{name}", given[name])
    if "python" in given:
        find = _name_interpreters if on_other_hosts(given) else _parse_interpreters
        overrides["pythons"] = find(given["python"])
    if "target_precision" in given:
        overrides["target_precision"] = parse_percent("--target-precision", given["target_precision"])
        overrides["blocks"] = MAX_BLOCKS
    if "max_minutes" in given:
        overrides["max_minutes"] = given["max_minutes"]
    return overrides


def _scenario_overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    overrides = {name: given[name] for name in ("protocol", "seconds", "wait_ms", "compute_units") if name in given}
    for name in ("connections", "message_bytes"):
        if name in given:
            overrides[name] = parse_ints(f"--{name.replace('_', '-')}", given[name])
    return overrides


def _override_rates(plan: Plan, text: str) -> Plan:
    """Return the plan with another rate in the scenarios that measure latency at a rate.

    Searches for the highest rate stay as they are. Raises Stop if the plan has no such scenario, or if two of them
    would become the same.
    """
    rate = parse_rate("--rate", text)
    changed = [
        _with_rate(scenario, rate) if scenario.kind == ScenarioKind.LATENCY else scenario for scenario in plan.scenarios
    ]
    if not any(scenario.kind == ScenarioKind.LATENCY for scenario in plan.scenarios):
        raise Stop(
            f"--rate {text}: no scenario of plan {plan.name!r} measures latency at a rate; "
            "use another preset, e.g. standard, or add `rate` to a scenario of a plan file"
        )
    at_a_rate = [scenario for scenario in changed if scenario.loop == "open"]
    for first, second in itertools.combinations(at_a_rate, 2):
        if _load_without_names(first) == _load_without_names(second):
            raise Stop(
                f"--rate {text}: scenarios {first.name!r} and {second.name!r} of plan {plan.name!r} would measure the "
                "same load; use a plan with one scenario at a rate, e.g. standard"
            )
    return msgspec.structs.replace(plan, scenarios=tuple(changed))


def _with_rate(scenario: Scenario, rate: RateOption) -> Scenario:
    """Return the scenario at another rate, with a question that fits: the old one may name the old rate."""
    changed = msgspec.structs.replace(
        scenario, rate=rate.named, rate_rps=rate.rate_rps, capacity_share=rate.capacity_share
    )
    return scenario if changed == scenario else msgspec.structs.replace(changed, question=rate.question)


def _load_without_names(scenario: Scenario) -> Scenario:
    """Return the scenario without what does not change its load."""
    return msgspec.structs.replace(scenario, name="", question="", seconds=1.0)


def _as_typed(value: object) -> str:
    """Return a value as it was typed, at least if it is short: -1 for -1.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _name_interpreters(text: str) -> dict[str, str]:
    """Return the interpreters of --python for another host, which finds them: by their own names. Raises Stop."""
    names = parse_names("--python", text)
    labels = [Path(name).name for name in names]
    for label in labels:
        if labels.count(label) > 1:
            raise Stop(f"--python {text}: {label!r} is listed twice; name both in a plan file (key pythons)")
    return dict(zip(labels, names, strict=True))


def _parse_interpreters(text: str) -> dict[str, str]:
    """Find the interpreters of --python: path by label. Raises Stop, also for two of one version."""
    from bench.machine.interpreters import NoInterpreterError, find

    names = parse_names("--python", text)
    try:
        interpreters = [find(name) for name in names]
    except NoInterpreterError as error:
        raise Stop(f"--python {text}: {error}") from error
    first: dict[str, str] = {}
    for name, interpreter in zip(names, interpreters, strict=True):
        other = first.setdefault(interpreter.label, name)
        if names.count(name) > 1:
            raise Stop(f"--python {text}: {name!r} is listed twice")
        if other != name:
            raise Stop(
                f"--python {text}: {other!r} and {name!r} are both {interpreter.label}; to compare two of one version, "
                f"name them in a plan file: pythons = {{first = {other!r}, second = {name!r}}}"
            )
    return {interpreter.label: interpreter.path for interpreter in interpreters}


def _add_external_servers(plan: Plan, servers: list[str], target: str) -> Plan:
    """Return the plan with the servers of --server and --target. Raises Stop, PlanError."""
    if not servers and not target:
        return plan
    by_name: dict[str, dict[str, Any]] = {server.name: msgspec.to_builtins(server) for server in plan.external_servers}
    added = [parse_server("--server", text) for text in servers]
    for text, server in zip(servers, added, strict=True):
        if server["name"] in plan.models:
            raise Stop(f"--server {text!r}: {server['name']!r} is also a model of this plan; choose another name")
    if target:
        added.append(parse_target("--target", target))
    by_name.update({server["name"]: server for server in added})
    return apply_overrides(plan, {"external_servers": list(by_name.values())}, {})

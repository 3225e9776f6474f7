"""From the words of a command line to a plan. Everything that is wrong is one line: Stop, or PlanError."""

import secrets
import shlex
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from bench.cli.console import say
from bench.plan.definition import NONE, Plan, PlanError
from bench.plan.external_server import is_address
from bench.plan.toml import build
from clients.cli_errors import Stop

_MOST_MIN = 100_000


def changed(plan: Plan, changes: dict[str, Any], of_scenarios: dict[str, Any]) -> Plan:
    """Return the plan with what the command line asked for. Raises PlanError if a value is not allowed."""
    wanted = msgspec.to_builtins(plan)
    wanted.update({key: value for key, value in changes.items() if value is not None})
    for scenario in wanted["scenarios"]:
        scenario.update({key: value for key, value in of_scenarios.items() if value is not None})
        if scenario["protocol"] != "echo" and of_scenarios.get("protocol") is None:
            scenario["message_bytes"] = None  # --message-bytes is meant for the scenarios that have sizes
    if changes["models"] is not None:
        for role in ("reference", "control"):  # a model that was left out can be neither; the first takes its place
            if wanted[role] not in ("", NONE, *changes["models"]):
                wanted[role] = changes["models"][0]
    return build(wanted, "")


def find_models(folder: str) -> None:
    """Take the models of a folder, too. Raises Stop."""
    from servers import registry

    if folder:
        if not Path(folder).is_dir():
            raise Stop(f"--models-from {folder!r} is not a folder")
        registry.add_folder(str(Path(folder).resolve()))


def interpreters(text: str) -> dict[str, str] | None:
    """Find interpreters by label and path; None of nothing. Raises Stop."""
    from bench.machine.interpreters import NoInterpreterError, find

    try:
        found = [find(wanted) for wanted in words("--python", text) or ()]
    except NoInterpreterError as error:
        raise Stop(f"--python: {error}") from error
    return {one.label: one.path for one in found} or None


def with_seed(plan: Plan) -> Plan:
    """Return the plan with a seed: its own, or a new one."""
    return plan if plan.seed is not None else msgspec.structs.replace(plan, seed=secrets.randbelow(2**31))


def fitted(plan: Plan, minutes: float) -> Plan:
    """Return the plan for so much time. Raises Stop, PlanError."""
    if not 0 < minutes <= _MOST_MIN:
        raise Stop(f"--minutes {minutes:g} is no time for a run; write for example 10")
    from bench.experiment.model_catalogue import known_models
    from bench.plan.time_budget import fit

    return fit(plan, minutes, known_models(plan))


def with_external(plan: Plan, servers: list[str], target: str) -> Plan:
    """Return the plan with servers of others. Raises Stop, PlanError.

    servers: NAME=COMMAND or NAME/udp=COMMAND. target: tcp://HOST:PORT, or nothing.
    """
    found: dict[str, dict[str, Any]] = {one.name: msgspec.to_builtins(one) for one in plan.external_servers}
    for text in servers:
        arm, sign, command = text.partition("=")
        name, _, over = arm.strip().partition("/")
        try:
            parts = shlex.split(command)
        except ValueError as error:
            raise Stop(f"--server {text!r}: {error}") from error
        if not sign or not name or not parts:
            raise Stop(f'--server {text!r} is not NAME=COMMAND; write for example "php=php server.php {{port}}"')
        if "{port}" not in command:
            raise Stop(f"--server {text!r}: nothing tells the command its port; write {{port}} where it belongs")
        found[name] = {"name": name, "command": parts, "transports": [over or "tcp"]}
    if target:
        over, sign, where = target.partition("://")
        if not sign or not is_address(where):
            raise Stop(f"--target {target!r} is not tcp://HOST:PORT or udp://HOST:PORT, with a port from 1 to 65535")
        found["target"] = {"name": "target", "target": where, "transports": [over]}
    return changed(plan, {"models": None, "external_servers": list(found.values())}, {}) if servers or target else plan


def with_interpreters(plan: Plan, screen: Console) -> Plan:
    """Return the plan with paths of interpreters that it has by name alone; what is not there is left out, and told.

    Raises PlanError if one stands there by its path and does not work.
    """
    from bench.machine.interpreters import NoInterpreterError, find, own_label

    found: dict[str, str] = {}
    for label, wanted in plan.pythons.items():
        try:
            one = find(wanted)
        except NoInterpreterError as error:
            if "/" in wanted:
                raise PlanError(f"pythons: {error}") from error
            say(screen, f"left out, as it is not here: the interpreter {label}")
            continue
        if "/" in wanted or one.label != own_label():
            found[one.label] = one.path
    return msgspec.structs.replace(plan, pythons=found)


def words(option: str, text: str) -> list[str] | None:
    """Split a,b into words; None of nothing. Raises Stop for what has none."""
    found = [word.strip() for word in text.split(",") if word.strip()]
    if text and not found:
        raise Stop(f"{option} {text!r} names nothing; leave it out, or write names with commas between them")
    return found or None


def numbers(option: str, text: str) -> list[int] | None:
    """Split 1,16 into whole numbers; None of nothing. Raises Stop."""
    try:
        return [int(word) for word in words(option, text) or ()] or None
    except ValueError as error:
        raise Stop(f"{option} {text!r} is not a list of whole numbers; write for example 1,16,64") from error


def share(option: str, text: str) -> float | None:
    """Turn 3% or 0.03 into a share; None of nothing. Raises Stop."""
    if not text:
        return None
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10:
        raise Stop(f"{option} {text!r} is not a share; write for example 3%")
    return value

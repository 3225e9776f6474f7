"""Reading and writing plans as TOML. No other module of this package opens a file."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from bench.plan.definition import Plan, PlanError
from bench.plan.key_errors import explain, not_finite
from bench.plan.suggestions import did_you_mean
from bench.plan.validation import check_form, plan_thresholds, refuse_keys_without_effect

_PRESETS = "bench.plan.presets"


def preset_names() -> list[str]:
    """Return the names of the presets."""
    files = resources.files(_PRESETS).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_plan(name_or_path: str) -> Plan:
    """Read a preset by its name, or a user's plan by its path.

    Raises PlanError with file and key.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PlanError(f"plan {name_or_path}: {getattr(error, 'strerror', None) or error}") from error
        plan = decode(text, name_or_path)
        # Here and not in ``decode``: the stored plan of an older run contains every key with its default.
        try:
            refuse_keys_without_effect(plan)
            plan_thresholds(plan)
        except PlanError as error:
            raise error.in_file(f"plan {name_or_path}: ") from error
        return plan
    names = preset_names()
    if name_or_path not in names:
        suggestion = did_you_mean(name_or_path, names) or "."
        raise PlanError(
            f"no preset {name_or_path!r}{suggestion} Use one of: {', '.join(names)}; or a plan file ending in .toml"
        )
    text = (resources.files(_PRESETS) / f"{name_or_path}.toml").read_text(encoding="utf-8")
    return decode(text, name_or_path)


def decode(text: str, source: str) -> Plan:
    """Return the plan of a TOML text. source: its name in errors. Raises PlanError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"plan {source} is not valid TOML: {error}") from error
    return build(values, f"plan {source}: ")


def build(values: dict[str, Any], prefix: str) -> Plan:
    """Return the plan of plain values. prefix: beginning of every error.

    Raises PlanError with key and allowed values. Only checks that need no models and no machine are made; see
    ``validation.check`` for the others.
    """
    if endless := not_finite(values):
        problem = "must be a finite number"
        key = endless.partition(" = ")[0]
        raise PlanError(f"{endless} {problem}", key=key, problem=problem).in_file(prefix)
    try:
        plan = msgspec.convert(values, Plan)
        check_form(plan)
    except msgspec.ValidationError as error:
        raise explain(str(error), values).in_file(prefix) from error
    except PlanError as error:
        raise error.in_file(prefix) from error
    return plan


def encode(plan: Plan) -> str:
    """Return the plan as TOML that reads back as the same plan.

    TOML has no None, so such keys are left out. Characters that could control a terminal are escapes: TOML asks that
    only of those below U+0020 (toml.io, v1.0.0, "String"), and terminals know others.
    """
    text = tomli_w.dumps(_without_none(msgspec.to_builtins(plan)))
    return "".join(letter if letter.isprintable() or letter == "\n" else f"\\U{ord(letter):08x}" for letter in text)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value

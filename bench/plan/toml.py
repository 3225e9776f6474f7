"""Reading and writing plans as TOML."""

import math
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from bench.plan.definition import CHOICES, Plan, PlanError, Scenario


def preset_names() -> list[str]:
    """The profiles that come with holabench."""
    files = resources.files("bench.plan.presets").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_plan(profile: str) -> Plan:
    """Read a profile by its name, or a user's plan by its path. Raises PlanError, which names file and key."""
    if profile.endswith(".toml") or "/" in profile:
        try:
            text = Path(profile).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PlanError(f"plan {profile}: {getattr(error, 'strerror', None) or error}") from error
    elif profile in preset_names():
        text = (resources.files("bench.plan.presets") / f"{profile}.toml").read_text(encoding="utf-8")
    else:
        raise PlanError(f"no profile {profile!r}; there are: {', '.join(preset_names())}, or give FILE.toml")
    return decode(text, profile)


def decode(text: str, source: str) -> Plan:
    """Turn TOML into a plan. source: what to call it in an error. Raises PlanError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"plan {source} is not TOML: {error}") from error
    return build(values, f"plan {source}: ")


def build(values: dict[str, Any], source: str) -> Plan:
    """Turn plain values into a plan. source: what an error begins with. Raises PlanError: the key, what is allowed."""
    if endless := _not_finite(values):
        raise PlanError(f"{source}{endless} is not allowed: it has to be a finite number")
    try:
        return msgspec.convert(values, Plan)
    except msgspec.ValidationError as error:
        raise PlanError(source + _in_words(str(error), values)) from error


def _not_finite(value: Any, name: str = "") -> str:
    """The first number that is none (TOML has inf and nan), with its key; empty if there is no such."""
    if isinstance(value, dict):
        return next((found for key, one in value.items() if (found := _not_finite(one, str(key)))), "")
    if isinstance(value, list | tuple):
        return next((found for one in value if (found := _not_finite(one, name))), "")
    return f"{name} = {value}" if isinstance(value, float) and not math.isfinite(value) else ""


def _in_words(message: str, values: dict[str, Any]) -> str:
    """Say of an error of the decoder which value it speaks of, and what would be allowed.

    Its own form: Expected `int` >= 1 - at `$.scenarios[0].connections[...]`
    """
    expected, _, path = message.partition(" - at `$")
    keys = re.findall(r"\w+", path)
    if "field `" in expected:  # one that is unknown, or missing
        fields = Scenario.__struct_fields__ if keys else Plan.__struct_fields__
        line = " ".join(expected.split())  # a key may be in quotes, and hold anything
        return f"{line}; the keys there are: {', '.join(fields)}"
    value: Any = values
    try:
        for key in keys:
            value = value[int(key) if key.isdigit() else key]
    except (KeyError, TypeError, IndexError):
        return message
    name = [key for key in keys if not key.isdigit()][-1]
    if name in CHOICES:
        expected = f"expected one of {', '.join(CHOICES[name])}"
    return f"{name} = {value!r} is not allowed: {expected[0].lower()}{expected[1:]}"


def encode(plan: Plan) -> str:
    """Turn a plan into TOML that reads back as the same plan. What is None has no place in TOML and is left out."""
    return tomli_w.dumps({key: value for key, value in msgspec.to_builtins(plan).items() if value is not None})

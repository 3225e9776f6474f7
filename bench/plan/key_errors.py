"""Plain messages for the keys and values of a plan that msgspec rejects. Pure."""

import itertools
import math
import re
import shlex
from collections.abc import Mapping
from typing import Any, get_args

from bench.plan.definition import Plan, PlanError
from bench.plan.external_server import ExternalServer
from bench.plan.population import Phase, Population, WorkShare
from bench.plan.scenario import Scenario
from bench.plan.suggestions import did_you_mean
from bench.plan.value_types import Arrivals, Behaviour, ComputeKind, Lifecycle, Protocol, Rate, Transport

_CHOICES: dict[str, tuple[str, ...]] = {
    "transports": get_args(Transport),
    "protocol": get_args(Protocol),
    "protocols": get_args(Protocol),
    "lifecycle": get_args(Lifecycle),
    "arrivals": get_args(Arrivals),
    "rate": get_args(Rate),
    "behaviour": get_args(Behaviour),
    "compute_kind": get_args(ComputeKind),
    "ready": ("line", "exchange"),
}
_TABLES: dict[str, tuple[str, type[Any]]] = {
    "scenarios": ("scenario", Scenario),
    "external_servers": ("external server", ExternalServer),
}
_TABLES_OF_SCENARIO: dict[str, tuple[str, type[Any]]] = {
    "populations": ("population", Population),
    "phases": ("phase", Phase),
    "work_mix": ("kind of work", WorkShare),
}
_ALL_TABLES = _TABLES | _TABLES_OF_SCENARIO
_HINTS = {
    "rate": "for a number use rate_rps (requests per second) or capacity_share (share of each arm's capacity)",
    "rate_rps": "the generator sends up to 1e7 requests per second",
    "capacity_share": "write 0.5 for 50%; for requests per second use rate_rps",
    "target_precision": "write 0.03 for ±3%",
    "environment": 'write each value in quotes, as in {PORT = "{port}"}',
    "name": "use letters, digits and underscores, as in `my_plan`",
}
_COMPARISONS = {
    ">=": "must be at least {limit}",
    "<=": "must be at most {limit}",
    ">": "must be above {limit}",
    "<": "must be below {limit}",
}
_TYPES = {
    "int": "must be an integer",
    "float": "must be a number",
    "str": "must be a text in quotes",
    "bool": "must be true or false",
    "array": "must be a list",
    "object": "must be a table",
}


def explain(message: str, values: Mapping[str, Any]) -> PlanError:
    """Return the error for a message of msgspec, with what is allowed.

    message: of msgspec, e.g. "Expected `int` >= 1 - at `$.scenarios[0].connections[...]`".
    """
    expected, _, path = message.partition(" - at ")
    keys = re.findall(r"\w+", path.rpartition("`$")[2])
    where, struct = _table(keys, values)
    if field := re.search(r"field `(.*)`\Z", expected, re.DOTALL):
        return PlanError(where + _explain_field(field[1], struct, is_unknown="unknown" in expected))
    names = [key for key in keys if not key.isdigit()]
    if not names:
        return PlanError(expected)
    name = names[-1]
    try:
        value = _look_up(values, keys)
    except (KeyError, TypeError, IndexError):
        return PlanError(f"{where}{name}: {expected}")
    if name in _ALL_TABLES and isinstance(value, dict):
        table, owner = (f"scenarios.{name}", "scenario") if name in _TABLES_OF_SCENARIO else (name, "plan")
        return PlanError(f"[{table}] is a single table; write [[{table}]], because a {owner} may have several")
    rule = _rule(name, value, expected)
    hint = f"; {_HINTS[name]}" if name in _HINTS else ""
    error = PlanError.of_value(where, name, value, rule)
    return PlanError(f"{error}{hint}", key=name, value=value, problem=rule)


def not_finite(value: Any, name: str = "") -> str:
    """Return ``KEY = inf`` for the first number that is not finite, or "".

    TOML has inf and nan.
    """
    if isinstance(value, dict):
        texts = [not_finite(item, str(key)) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        texts = [not_finite(item, name) for item in value]
    else:
        return f"{name} = {value}" if isinstance(value, float) and not math.isfinite(value) else ""
    return next(filter(None, texts), "")


def _table(keys: list[str], values: Mapping[str, Any]) -> tuple[str, type[Any]]:
    """Return the innermost table of a key: the text for a message, and the type.

    keys: the way to it, e.g. scenarios, 0, populations, 1, name.
    """
    where, struct, place = "", Plan, values
    for name, position in itertools.pairwise(keys):
        if name not in _ALL_TABLES or not position.isdigit() or not isinstance(place, Mapping):
            continue
        label, struct = _ALL_TABLES[name]
        place = place[name][int(position)]
        own_name = place.get("name") if isinstance(place, dict) else None
        where += f"{label} {own_name!r}: " if isinstance(own_name, str) else f"{label} number {int(position) + 1}: "
    return where, struct


def _explain_field(field: str, struct: type[Any], *, is_unknown: bool) -> str:
    name = " ".join(field.split())  # a key in quotes may contain anything
    if not is_unknown:
        return f"the key `{name}` is missing"
    if struct is not Plan and name in Plan.__struct_fields__:
        return f"`{name}` belongs at the top of the plan, above the first [[...]] table"
    tables = _TABLES if struct is Plan else _TABLES_OF_SCENARIO if struct is Scenario else {}
    prefix = "scenarios." if struct is Scenario else ""
    fields = struct.__struct_fields__
    for table, (_, owner) in tables.items():
        if name in owner.__struct_fields__ and name not in fields:
            return f"`{name}` belongs in a [[{prefix}{table}]] table"
    suggestion = did_you_mean(name, fields, "`")
    return f"unknown key `{name}`{suggestion or '.'} The keys are: {', '.join(fields)}"


def _look_up(values: Mapping[str, Any], keys: list[str]) -> Any:
    value: Any = values
    for key in keys:
        value = value[int(key) if key.isdigit() else key]
    return value


def _rule(name: str, value: object, expected: str) -> str:
    """Return what the value of a key must be."""
    if re.match(r"Expected `array( \| null)?`, got", expected):
        return f"must be a list; write {name} = [{', '.join(map(_toml, _items(name, value)))}]"
    if name in _CHOICES:
        return f"must be one of {', '.join(_CHOICES[name])}"
    if "matching regex" in expected:
        return "is not a valid name"
    if match := re.fullmatch(r"Expected `array` of length (.+)", expected):
        return "must not be empty" if match[1] == ">= 1" else f"must have {match[1]} values"
    match = re.match(r"Expected `(\w+)[^`]*`(.*)", expected)
    if match is None or match[1] not in _TYPES:
        return f"is not allowed: {expected}"
    if limit := re.fullmatch(r" ([<>]=?) (\S+)", match[2]):
        return _COMPARISONS[limit[1]].format(limit=limit[2].removesuffix(".0"))
    return _TYPES[match[1]]


def _items(name: str, value: object) -> list[object]:
    """Return the items of the list that a single value is meant to be. A command is split as a shell splits it."""
    if name == "command" and isinstance(value, str):
        try:
            return [*shlex.split(value)]
        except ValueError:  # a quotation mark is missing
            return [*value.split()]
    return [value]


def _toml(value: object) -> str:
    """Return a value as it is written in a plan."""
    if not isinstance(value, str):
        return str(value)
    return f"'{value}'" if '"' in value or "\\" in value else f'"{value}"'

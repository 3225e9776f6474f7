"""The reference page of plan keys, made from the types of a plan. Pure."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from bench.plan.definition import Plan
from bench.plan.external_server import ExternalServer
from bench.plan.population import Phase, Population, WorkShare
from bench.plan.scenario import Scenario

_HEAD = """\
# Plan keys

A plan is a TOML file. `holabench run FILE.toml` measures it, and `holabench plan FILE.toml` shows it without running.
Keys without a default are required. An unknown key is an error.

`python docs/generate_reference.py` writes this page from `bench/plan`.
"""
_SECTIONS = (
    ("Plan", "Keys at the top of the file.", Plan),
    ("Scenarios", "Keys of each `[[scenarios]]` table: one question with its load.", Scenario),
    (
        "Populations",
        (
            "Keys of each `[[scenarios.populations]]` table: clients that behave alike. All populations of a scenario "
            "load a server at the same time. The scenario asks about the first one."
        ),
        Population,
    ),
    (
        "Phases",
        (
            "Keys of each `[[scenarios.phases]]` table: loads one after the other, without a pause, on one server that "
            "is started for them. A population that a phase does not name continues as it is."
        ),
        Phase,
    ),
    (
        "Kinds of work",
        "Keys of each table in `work_mix`, e.g. `work_mix = [{ weight = 99 }, { weight = 1, compute_units = 10000 }]`.",
        WorkShare,
    ),
    (
        "External servers",
        (
            "Keys of each `[[external_servers]]` table: a server that is not one of the models. A command of your own "
            "that cannot be started ends the run before anything is measured, and you can correct it. Presets and "
            "models are the same on all machines. So a preset's server without its program, and a model without its "
            "library, are skipped with the reason."
        ),
        ExternalServer,
    ),
)
_COLUMNS = ("key", "type", "unit", "default", "meaning", "example")


def plan_keys_markdown() -> str:
    """Return the text of docs/plan-keys.md."""
    parts = [_HEAD]
    for title, introduction, struct in _SECTIONS:
        rows = "\n".join(_markdown_row(row) for row in [_COLUMNS, ("---",) * len(_COLUMNS), *_rows(struct)])
        parts.append(f"## {title}\n\n{introduction}\n\n{rows}\n")
    return "\n".join(parts)


def _rows(struct: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        schema: dict[str, Any] = {}
        kind = field.type
        if isinstance(kind, inspect.Metadata):
            schema, kind = kind.extra_json_schema or {}, kind.type
        examples = schema.get("examples", [])
        yield (
            f"`{field.name}`",
            _type_text(kind),
            schema.get("unit", ""),
            schema.get("default") or _default_text(field),
            schema["description"],
            f"`{field.name} = {_toml(examples[0])}`" if examples else "",
        )


def _default_text(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return f"`{_toml(default)}`"


def _type_text(kind: inspect.Type) -> str:
    """Return the type of a key with the limits of its values."""
    match kind:
        case inspect.Metadata(type=inner):
            return _type_text(inner)
        case inspect.UnionType(types=types):
            return _type_text(next(inner for inner in types if not isinstance(inner, inspect.NoneType)))
        case inspect.LiteralType(values=values):
            return " or ".join(f"`{_toml(value)}`" for value in values)
        case inspect.IntType() | inspect.FloatType():
            noun = "integer" if isinstance(kind, inspect.IntType) else "number"
            return ", ".join(filter(None, (noun, _limits(kind))))
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.StrType():
            return "text"
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return "tables" if isinstance(item, inspect.StructType) else f"list of {_type_text(item)}"
        case inspect.DictType(value_type=value):
            return f"table: name = {_type_text(value)}"
    raise TypeError(kind)


def _limits(kind: inspect.IntType | inspect.FloatType) -> str:
    """Return the limits of a number: ``1 to 1000``, ``above 0, at most 3600``."""
    if kind.ge is not None and kind.le is not None:
        return f"{_number(kind.ge)} to {_number(kind.le)}"
    limits = (("above", kind.gt), ("at least", kind.ge), ("below", kind.lt), ("at most", kind.le))
    return ", ".join(f"{words} {_number(limit)}" for words, limit in limits if limit is not None)


def _number(limit: float) -> str:
    return str(int(limit)) if limit == int(limit) else str(limit)


def _toml(value: Any) -> str:
    """Return a value as TOML in one line.

    TOML and JSON write texts, numbers and lists in the same way.
    """
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_toml(item)}' for key, item in value.items())} }}"
    return json.dumps(value)


def _markdown_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

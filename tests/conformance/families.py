"""Families of models that run the same code, derived from the models' sources.

Slow tests run once for each family instead of once for each model. Two models are in one family only if a client's
bytes pass through the same functions, on the same library. A model that shares nothing is a family of its own, so a
new model is tested in full until it uses shared code.
"""

import ast
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from servers import models, registry
from tests.conformance.cases import MODELS, models_with
from tests.support.processes import ROOT


@dataclass(frozen=True)
class Place:
    """A function or class at the top level of a module."""

    module: str
    name: str


@functools.cache
def conversation(model: str, transport: str) -> tuple[frozenset[Place], str]:
    """Return the places that pass bytes to the protocol, and the model's library."""
    feeding = {place for place in _reach(_entry(model, transport)) if _calls_feed(place)}
    return frozenset(feeding or {_entry(model, transport)}), MODELS[model].needs


@functools.cache
def loop(model: str, transport: str, protocol: str = "echo") -> tuple[Place, str]:
    """Return the serve function of the loop, and the library that the model needs.

    A pool of workers runs the loop of another model; then this is that model's function.
    """
    entry = _entry(model, transport, protocol)
    delegates = {place for place in _uses(entry) if place.name == entry.name}
    return min(delegates, key=str) if delegates else entry, MODELS[model].needs


def one_per_bind(transport: str, condition: Callable[[registry.Description], bool] = lambda _: True) -> list[str]:
    """Return one model for each way to bind a socket."""
    keys = {
        model: (MODELS[model].own_backlog, _declares(model, "REUSEPORT"), MODELS[model].parallel)
        for model in models_with(transport, condition)
    }
    return _representatives(keys)


def one_per_conversation(transport: str) -> list[str]:
    """Return one model for each conversation."""
    return _representatives({model: conversation(model, transport) for model in models_with(transport)})


def one_per_loop(transport: str, protocol: str = "echo") -> list[str]:
    """Return one model for each loop."""
    models = models_with(transport, protocol=protocol)
    return _representatives({model: loop(model, transport, protocol) for model in models})


def _representatives(keys: Mapping[str, object]) -> list[str]:
    chosen: dict[object, str] = {}
    for model in sorted(keys, key=_preference):
        chosen.setdefault(keys[model], model)
    return sorted(chosen.values())


def _preference(model: str) -> tuple[bool, bool, bool, str]:
    """Prefer a model without a library, then a single process, then no limit."""
    description = MODELS[model]
    return bool(description.needs), description.parallel, description.max_tcp_clients is not None, model


def _entry(model: str, transport: str, protocol: str = "echo") -> Place:
    name = f"serve_work_{transport}" if protocol == "work" else f"serve_{transport}"
    entry = Place(f"servers.models.{model}", name)
    imported = _imports(entry.module).get(entry.name)  # a model may import its serve function from another one
    return imported if isinstance(imported, Place) else entry


def _reach(start: Place) -> set[Place]:
    """Return every place that the start uses, directly or not."""
    reached, waiting = set[Place](), [start]
    while waiting:
        place = waiting.pop()
        if place not in reached:
            reached.add(place)
            waiting += _uses(place)
    return reached


@functools.cache
def _uses(place: Place) -> frozenset[Place]:
    """Return the places that a definition mentions."""
    definition = _definitions(place.module).get(place.name)
    if definition is None:
        return frozenset()
    imports, used = _imports(place.module), set[Place]()
    for node in ast.walk(definition):
        if isinstance(node, ast.Name):
            imported = imports.get(node.id)
            if isinstance(imported, Place):
                used.add(imported)
            elif node.id in _definitions(place.module):
                used.add(Place(place.module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = imports.get(node.value.id)
            if isinstance(module, str):
                used.add(Place(module, node.attr))
    return frozenset(used - {place})


def _calls_feed(place: Place) -> bool:
    definition = _definitions(place.module).get(place.name)
    if definition is None:
        return False
    calls = (node.func for node in ast.walk(definition) if isinstance(node, ast.Call))
    return any(
        getattr(function, "attr", None) == "feed" or getattr(function, "id", None) == "feed" for function in calls
    )


def _declares(model: str, constant: str) -> bool:
    assignments = (node for node in _parse(f"servers.models.{model}").body if isinstance(node, ast.Assign))
    return any(getattr(target, "id", None) == constant for node in assignments for target in node.targets)


@functools.cache
def _definitions(module: str) -> dict[str, ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name: node for node in _parse(module).body if isinstance(node, kinds)}


@functools.cache
def _imports(module: str) -> dict[str, str | Place]:
    """Return a module's imports from the servers: a module's name, or a place."""
    imported: dict[str, str | Place] = {}
    for node in _parse(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "servers":
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                is_module = _file(submodule) is not None
                imported[alias.asname or alias.name] = submodule if is_module else Place(str(node.module), alias.name)
    return imported


@functools.cache
def _parse(module: str) -> ast.Module:
    file = _file(module)
    return ast.parse(file.read_text(encoding="utf-8") if file else "")


def _file(module: str) -> Path | None:
    """Return the file of a module of the servers; models may be in further folders."""
    folder, _, name = module.rpartition(".")
    folders = map(Path, models.__path__) if folder == "servers.models" else [ROOT.joinpath(*folder.split("."))]
    candidates = [path for parent in folders for path in (parent / f"{name}.py", parent / name / "__init__.py")]
    return next((path for path in candidates if path.exists()), None)

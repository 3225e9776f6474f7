"""Populations as JSON has them, checked. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from clients.load_spec import LoadSpec

MAX_POPULATIONS = 16


def parse_populations(populations: Sequence[Any], shared: Mapping[str, Any] | None = None) -> dict[str, LoadSpec]:
    """Return the populations by name, from ``[{"name": "quiet", "settings": {fields of LoadSpec}}, ...]``.

    shared: settings of all populations; one of their own replaces it. Raises ValueError with a one-line message.
    """
    if not 1 <= len(populations) <= MAX_POPULATIONS:
        raise ValueError(f"a load has 1 to {MAX_POPULATIONS} populations, not {len(populations)}")
    specs: dict[str, LoadSpec] = {}
    for population in populations:
        if not isinstance(population, dict) or set(population) != {"name", "settings"}:
            raise ValueError(f"population {str(population)[:80]} does not consist of name and settings")
        name, settings = population["name"], population["settings"]
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"population {name!r}: a name is text without /")
        if name in specs:
            raise ValueError(f"population {name!r} occurs twice; give each a name of its own")
        if not isinstance(settings, dict):
            raise ValueError(f"population {name!r}: settings are not an object")
        specs[name] = _make_spec(name, {**(shared or {}), **settings})
    _check_target(specs)
    return specs


def _make_spec(name: str, settings: Mapping[str, Any]) -> LoadSpec:
    if unknown := sorted(set(settings) - set(LoadSpec.__dataclass_fields__)):
        raise ValueError(f"population {name!r}: {unknown[0]} is not a setting of a load")
    try:
        lists = {key: tuple(map(_as_tuple, settings[key])) for key in _LISTS if key in settings}
        return LoadSpec(**{**settings, **lists})
    except (TypeError, ValueError) as error:
        raise ValueError(f"population {name!r}: {error}") from error


def phases_length_s(specs: Mapping[str, LoadSpec]) -> float:
    """Return how long the phases of a load last; 0 without phases."""
    return max(sum(phase.seconds for phase in spec.phases) for spec in specs.values())


_LISTS = ("mix", "work_mix")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_target(specs: Mapping[str, LoadSpec]) -> None:
    """Check that all populations load the same server, and that the loop has one way to wait."""
    for key in ("transport", "host", "port", "spin"):
        values: dict[str, Any] = {name: getattr(spec, key) for name, spec in specs.items()}
        if len(set(values.values())) > 1:
            first, *others = values
            other = next(name for name in others if values[name] != values[first])
            raise ValueError(
                f"populations {first!r} and {other!r} have different values of {key}; they load one server"
            )

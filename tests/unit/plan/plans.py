"""Plans for tests."""

from typing import Any

import msgspec

from bench.experiment.model_catalogue import known_models
from bench.plan.definition import Plan

MODELS = known_models()


def make_plan(**changes: Any) -> Plan:
    """Return a small plan without a control."""
    values: dict[str, Any] = {
        "name": "test",
        "models": ["iterative", "select"],
        "control": "none",
        "scenarios": make_scenarios(connections=[64, 1], seconds=0.2),
    }
    return msgspec.convert(values | changes, Plan)


def make_scenarios(**changes: Any) -> list[dict[str, Any]]:
    """Return the tables of one scenario."""
    return [{"name": "capacity", "connections": [1], "seconds": 1.0} | changes]

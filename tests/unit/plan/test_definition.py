from typing import Any

import pytest

from bench.experiment.model_catalogue import known_models
from bench.plan import toml
from bench.plan.validation import check
from bench.schema.metrics import ScenarioKind
from tests.unit.plan.plans import make_plan, make_scenarios


@pytest.mark.parametrize("name", toml.preset_names())
def test_preset_can_be_measured_and_read_back(name: str) -> None:
    preset = toml.load_plan(name)
    check(preset, known_models(preset))
    assert preset.name == name
    assert toml.decode(toml.encode(preset), name) == preset


@pytest.mark.parametrize(
    ("changes", "loop", "kind", "rate_text"),
    [
        ({}, "closed", ScenarioKind.CAPACITY, ""),
        ({"lifecycle": "session"}, "closed", ScenarioKind.SESSIONS, ""),
        ({"rate": "common"}, "open", ScenarioKind.LATENCY, "common"),
        ({"rate_rps": 20_000}, "open", ScenarioKind.LATENCY, "rate_rps=20000"),
        ({"capacity_share": 0.5}, "open", ScenarioKind.LATENCY, "capacity_share=0.5"),
        ({"capacity_share": 1.0, "lifecycle": "session"}, "open", ScenarioKind.LATENCY, "capacity_share=1"),
        ({"rate": "highest"}, "open", ScenarioKind.MAX_RATE, "highest"),
    ],
)
def test_scenario_kind_follows_rate_and_lifecycle(
    changes: dict[str, Any], loop: str, kind: ScenarioKind, rate_text: str
) -> None:
    (scenario,) = make_plan(scenarios=make_scenarios(**changes)).scenarios
    assert (scenario.loop, scenario.kind, scenario.rate_text) == (loop, kind, rate_text)


def test_message_sizes_default_to_64_bytes_and_are_fixed_in_hola() -> None:
    def sizes(**changes: Any) -> tuple[int, ...]:
        return make_plan(scenarios=make_scenarios(**changes)).scenarios[0].message_sizes

    assert sizes() == (64,)
    assert sizes(message_bytes=[1024, 1]) == (1024, 1)
    assert sizes(protocol="hola") == (0,)


def test_plan_scenario_is_found_by_name() -> None:
    plan = make_plan()
    assert plan.scenario("capacity") is plan.scenarios[0]
    with pytest.raises(KeyError):
        plan.scenario("latency")

"""Load to another machine needs its name on the command line: a plan file may come from anybody."""

from typing import Any

import pytest

from bench.experiment.targets import refuse_foreign_targets, resolve_targets
from bench.plan.definition import Plan, PlanError
from tests.unit.plan.plans import make_plan

FOREIGN = "192.0.2.7"  # RFC 5737: an address of documents


def plan_for(target: str) -> Plan:
    server: dict[str, Any] = {"name": "web", "target": target}
    return make_plan(external_servers=[server])


def test_target_of_a_plan_on_another_machine_is_refused() -> None:
    with pytest.raises(PlanError, match=rf"'web' would load {FOREIGN}, another machine.*--allow-target {FOREIGN}"):
        resolve_targets(plan_for(f"{FOREIGN}:80"), lambda _: None)


@pytest.mark.parametrize("named", [FOREIGN, f"{FOREIGN}:80"])
def test_target_that_the_command_line_names_is_allowed(named: str) -> None:
    refuse_foreign_targets(plan_for(f"{FOREIGN}:80"), [named])


@pytest.mark.parametrize("target", ["127.0.0.1:7000", "localhost:7000", "[::1]:7000", ":7000"])
def test_target_on_this_machine_is_allowed(target: str) -> None:
    refuse_foreign_targets(plan_for(target), ())


def test_another_port_of_a_named_server_is_refused() -> None:
    with pytest.raises(PlanError, match="another machine"):
        refuse_foreign_targets(plan_for(f"{FOREIGN}:81"), [f"{FOREIGN}:80"])

from bench.plan.definition import Plan
from bench.plan.external_server import ExternalServer
from bench.plan.key_reference import plan_keys_markdown
from bench.plan.population import Phase, Population, WorkShare
from bench.plan.scenario import Scenario


def test_plan_keys_page_has_every_key_with_its_meaning() -> None:
    rows = [line.split(" | ") for line in plan_keys_markdown().splitlines() if line.startswith("| `")]
    keys = [row[0].strip("| `") for row in rows]
    tables = (Plan, Scenario, Population, Phase, WorkShare, ExternalServer)
    assert keys == [key for table in tables for key in table.__struct_fields__]
    assert all(row[3].strip() and row[4].strip() for row in rows)

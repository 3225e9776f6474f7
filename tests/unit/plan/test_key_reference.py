from pathlib import Path

from bench.plan.definition import Plan
from bench.plan.external_server import ExternalServer
from bench.plan.key_reference import plan_keys_markdown
from bench.plan.scenario import Scenario

PAGE = Path(__file__).parents[3] / "docs" / "plan-keys.md"


def test_plan_keys_page_equals_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == plan_keys_markdown()


def test_plan_keys_page_has_every_key_with_its_meaning() -> None:
    rows = [line.split(" | ") for line in plan_keys_markdown().splitlines() if line.startswith("| `")]
    keys = [row[0].strip("| `") for row in rows]
    assert keys == [*Plan.__struct_fields__, *Scenario.__struct_fields__, *ExternalServer.__struct_fields__]
    assert all(row[3].strip() and row[4].strip() for row in rows)

"""The plans of docs/experiments/published_findings: each is valid, short enough, and described on the page."""

from pathlib import Path

import pytest

from bench.plan.time_budget import duration_s
from bench.plan.toml import load_plan
from tests.support.in_process import run_holabench
from tests.unit.plan.plans import MODELS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "experiments" / "published_findings"
PLANS = sorted(FOLDER.glob("*.toml"))
MAX_DURATION_S = 120.0
BLOCKS_FOR_INTERVALS = 6


def test_there_are_plans() -> None:
    assert PLANS


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_holabench_accepts_the_plan(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)  # the commands of external servers are relative to it
    completed = run_holabench(capsys, "plan", str(path))
    assert completed.code == 0, completed.stderr
    assert f"{BLOCKS_FOR_INTERVALS} blocks, about" in completed.stdout


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_plan_asks_questions_and_is_short(path: Path) -> None:
    plan = load_plan(str(path))
    assert plan.name == path.stem
    assert all(text.endswith("?") for text in (plan.question, *(scenario.question for scenario in plan.scenarios)))
    assert duration_s(plan, MODELS) <= MAX_DURATION_S


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_page_states_the_command_and_results_have_its_rows(path: Path) -> None:
    command = f"holabench run {path.relative_to(ROOT)}"
    assert command in (FOLDER / "README.md").read_text(encoding="utf-8")
    results = (FOLDER / "results.csv").read_text(encoding="utf-8")
    assert any(line.startswith(f"{path.stem},") for line in results.splitlines())

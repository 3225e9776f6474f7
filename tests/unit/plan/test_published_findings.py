"""The plans of docs/experiments/published_findings: each is valid, short, and described on the page."""

import re
from pathlib import Path

import pytest

from bench.plan.toml import load_plan
from tests.support.in_process import run_holabench

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "experiments" / "published_findings"
PLANS = sorted(FOLDER.glob("*.toml"))
MAX_DURATION_S = 120
BLOCKS_FOR_INTERVALS = 6


def test_there_are_plans() -> None:
    assert PLANS


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_holabench_accepts_the_plan_and_expects_a_short_run(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)  # the commands of external servers are relative to it
    completed = run_holabench(capsys, "plan", str(path))
    assert completed.code == 0, completed.stderr
    duration = re.search(r"(\d+) blocks, about (?:(\d+) min)? ?(?:(\d+) s)?", completed.stdout)
    assert duration is not None
    blocks, minutes, seconds = (int(text or 0) for text in duration.groups())
    assert blocks == BLOCKS_FOR_INTERVALS
    assert 0 < 60 * minutes + seconds <= MAX_DURATION_S


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_plan_asks_a_question_in_each_scenario(path: Path) -> None:
    plan = load_plan(str(path))
    assert plan.name == path.stem
    assert all(text.endswith("?") for text in (plan.question, *(scenario.question for scenario in plan.scenarios)))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_page_states_the_command_and_results_have_its_rows(path: Path) -> None:
    command = f"holabench run {path.relative_to(ROOT)}"
    assert command in (FOLDER / "README.md").read_text(encoding="utf-8")
    results = (FOLDER / "results.csv").read_text(encoding="utf-8")
    assert any(line.startswith(f"{path.stem},") for line in results.splitlines())

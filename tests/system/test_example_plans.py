"""The plans of examples/plans: all can be resolved, each states its question, and some run at the smallest size."""

from pathlib import Path

import pandas as pd
import pytest

from bench.plan.toml import load_plan
from tests.support.commands import run_python
from tests.support.in_process import run_holabench

ROOT = Path(__file__).parents[2]
PLANS = sorted((ROOT / "examples" / "plans").glob("*.toml"))
SMALLEST = ["--blocks", "1", "--seconds", "0.05", "--seed", "3", "--no-charts"]
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
RUN_TIMEOUT_S = 110.0


def test_there_are_ten_plans() -> None:
    assert len(PLANS) == 10


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_plan_begins_with_its_question_and_can_be_resolved(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = load_plan(str(path))
    assert plan.name == path.stem
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# Question: ")
    assert first.endswith("?")
    assert all(text.endswith("?") for text in (plan.question, *(scenario.question for scenario in plan.scenarios)))
    assert f"#     holabench run {path.relative_to(ROOT)}\n" in path.read_text(encoding="utf-8")
    completed = run_holabench(capsys, "plan", str(path))
    assert completed.code == 0, completed.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arms"),
    [
        ("own-server", {"mine/tcp", "select/tcp", "asyncio/tcp"}),
        ("socket-settings", {"two_parts/tcp", "two_parts_nodelay/tcp"}),
        ("udp-only", {"iterative/udp", "select/udp", "asyncio/udp"}),
    ],
)
def test_plan_measures_its_servers(name: str, arms: set[str], tmp_path: Path) -> None:
    plan = f"examples/plans/{name}.toml"
    completed = run_python(
        "-m", "bench", "run", plan, *SMALLEST, "--output-dir", str(tmp_path), timeout_s=RUN_TIMEOUT_S
    )
    assert completed.returncode in SUCCESS, completed.stderr
    trials = pd.read_csv(Path(completed.stdout.strip()) / "trials.csv")
    measured = trials[trials["status"] == "ok"]
    assert arms <= set(measured["arm"]), trials[["arm", "scenario", "reason"]].to_string()
    assert (measured[measured["arm"].isin(arms)]["replies"] > 0).all()

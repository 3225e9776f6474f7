"""Gates on real runs of a server whose CPU time per request is planted.

Other programs may disturb these runs, and a gate must bear that: it may be undecided, but neither pass the planted cost
nor break on two runs of the same server.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.compare.gates import GateOutcome
from tests.support.commands import run_python
from tests.support.in_process import run_holabench
from tests.support.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(500)]
SERVER = ROOT / "docs" / "experiments" / "planted_regressions" / "costly_server.py"
# A request costs the server about 6 us, and a unit about 13 ns: more than three times the CPU time.
UNITS = {"base": 0, "again": 0, "planted": 1500}
PLAN = """
name = "planted"
models = ["select", "asyncio"]
transports = ["tcp"]
blocks = 4
[[scenarios]]
name = "capacity"
connections = [4]
seconds = 0.1
[[external_servers]]
name = "mine"
command = ["{{python}}", "{server}", "{{port}}", "{{protocol}}", "echo={units}"]
"""
CONDITIONS = ("cpu_us_per_request>50%", "throughput_rps<-30%")
RUN_CODES = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
EXIT_CODES = {GateOutcome.PASSED: 0, GateOutcome.BROKEN: 4, GateOutcome.UNDECIDED: 5}
RUN_TIMEOUT_S = 150.0


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a run of the base, one more, and one with the planted cost."""
    root = tmp_path_factory.mktemp("runs")
    return {name: measure(root, name, units) for name, units in UNITS.items()}


def measure(root: Path, name: str, units: int) -> str:
    """Return the folder of a run. units: before each reply of the server."""
    plan = root / f"{name}.toml"
    plan.write_text(PLAN.format(server=SERVER, units=units))
    arguments = ["run", str(plan), "--no-charts", "--output-dir", str(root / name)]
    completed = run_python("-m", "bench", *arguments, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in RUN_CODES, completed.stderr
    return completed.stdout.strip()


def judge(
    capsys: pytest.CaptureFixture[str], folders: Mapping[str, str], after: str, condition: str
) -> tuple[GateOutcome, str]:
    """Return the outcome of a condition, and what was printed."""
    arguments = [folders["base"], folders[after], "--arm", "mine/tcp", "--fail-if", condition, "--json"]
    completed = run_holabench(capsys, "compare", *arguments)
    rows = [json.loads(line) for line in completed.stdout.splitlines()]
    (outcome,) = (GateOutcome(row["outcome"]) for row in rows if row["type"] == "gate")
    assert completed.code == EXIT_CODES[outcome], completed.stderr
    return outcome, completed.stdout


@pytest.mark.parametrize("condition", CONDITIONS)
def test_planted_cost_never_passes(condition: str, folders: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    outcome, output = judge(capsys, folders, "planted", condition)
    assert outcome in (GateOutcome.BROKEN, GateOutcome.UNDECIDED), output


@pytest.mark.parametrize("condition", CONDITIONS)
def test_same_server_never_breaks_a_gate(
    condition: str, folders: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    outcome, output = judge(capsys, folders, "again", condition)
    assert outcome in (GateOutcome.PASSED, GateOutcome.UNDECIDED), output

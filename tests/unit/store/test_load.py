import subprocess
import sys
from pathlib import Path

import pytest

from bench import load
from bench.schema.csv_schema import ComparisonRow, SummaryRow
from bench.store.csv_rows import csv_header, csv_rows
from bench.store.errors import StoreError
from tests.unit.store.builders import make_folder

EXAMPLE = Path(__file__).parents[3] / "examples" / "read_a_run.py"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with make_folder(tmp_path, blocks=2) as folder:
        pass
    summary = SummaryRow(
        arm="select/tcp", model="select", transport="tcp", protocol="echo", python="", scenario_kind="capacity",
        scenario="capacity", connections=16, message_bytes=64, rate_rps=None,
        metric="throughput_rps", unit="requests/s", blocks=2, median=1234.5,
        low=1200.0, high=1300.0, verdict="valid", codes="", findings="", status="ok", reason="",
    )  # fmt: skip
    comparison = ComparisonRow(
        scenario="capacity", connections=16, message_bytes=64, rate_rps=None,
        scenario_kind="capacity", metric="throughput_rps", arm="poll/tcp",
        reference="select/tcp", ratio=1.1, low=1.05, high=1.15, p_holm=0.01, blocks=2, conclusion="faster",
        verdict="valid", codes="", findings="", kind="reference",
    )  # fmt: skip
    for name, row in (("summary.csv", summary), ("comparisons.csv", comparison)):
        (folder.path / name).write_text(csv_header(type(row)) + csv_rows(type(row), [row]))
    return folder.path


def test_load_returns_every_table(path: Path) -> None:
    run = load(str(path))
    for table in (run.trials, run.slices, run.resources, run.histograms, run.summary, run.comparisons):
        assert len(table) > 0
        assert {"arm", "model", "transport"} <= set(table.columns)
    assert list(run.rounds["block"]) == [0, 1]
    assert run.max_rate is None
    assert run.plan.seed == 7
    assert run.environment["machine"] == {}
    assert run.started_at.year >= 2026


def test_load_names_the_command_for_a_missing_summary(path: Path) -> None:
    (path / "summary.csv").unlink()
    with pytest.raises(StoreError, match=r"has no summary\.csv; create it with: holabench report"):
        _ = load(path).summary


def test_import_of_bench_does_not_import_pandas() -> None:
    code = "import sys, bench; print('pandas' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_example_runs_on_a_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = EXAMPLE.read_text()
    assert '"results/reference"' in source
    exec(compile(source.replace("results/reference", str(path)), str(EXAMPLE), "exec"), {})
    printed = capsys.readouterr().out
    assert "2.063" in printed  # 95% of the service times lie in the upper slot
    assert "poll/tcp" in printed

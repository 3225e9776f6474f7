"""``holabench history``, on runs whose measurements are made up."""

from pathlib import Path

import pytest

from tests.support.in_process import run_holabench
from tests.system import runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.make_run(tmp_path_factory.mktemp("runs") / "before")


def test_history_chart_accepts_any_folder_name(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(run), str(runs.make_run_without_blocks(tmp_path / "empty")), str(runs.make_run(tmp_path / r"$\x$"))]
    chart = tmp_path / "chart.svg"
    completed = run_holabench(capsys, "history", *folders, "--arm", "select/tcp", "--chart", str(chart))
    assert completed.code == 0, completed.stderr
    assert r"$\x$" in chart.read_text()


def test_history_of_searches_prints_their_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [
        str(runs.make_search(tmp_path / "first", 10e3, 11e3)),
        str(runs.make_search(tmp_path / "second", 8e3, 9e3)),
    ]
    completed = run_holabench(capsys, "history", *folders, "--metric", "max_rate_rps")
    assert completed.code == 0, completed.stderr
    assert "10.0k to 11.0k" in completed.stdout
    assert "8.00k to 9.00k" in completed.stdout


def test_history_refuses_invalid_plan_with_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = runs.make_run_with_plan(tmp_path / "unknown", "speed = 1")
    completed = run_holabench(capsys, "history", str(run), str(unknown))
    assert (completed.code, completed.stderr.count("\n")) == (2, 1)
    assert "`speed`" in completed.stderr


def test_history_counts_invalid_values(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    invalid = runs.make_run_with_trials(tmp_path / "invalid", verdict="invalid", codes="CORRUPT_REPLIES=9")
    options = ["--metric", "throughput_rps", "--arm", "asyncio/tcp"]
    output = run_holabench(capsys, "history", str(run), str(invalid), *options).stdout
    assert output.count("  invalid") == 3
    assert "3 invalid values left out of the search for changes" in output


def test_history_prints_foreign_text_unchanged(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = runs.make_run(tmp_path / "M[red]", seed=5)
    options = ["--metric", "throughput_rps", "--arm", "select/tcp"]
    output = run_holabench(capsys, "history", str(run), str(other), *options).stdout
    assert "\nM[red]  " in output


def test_history_lists_no_unchanged_series_of_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(runs.make_run(tmp_path / f"2026010{day}T000000Z-run", seed=day)) for day in range(1, 6)]
    options = ["--metric", "memory_mb"]
    output = run_holabench(capsys, "history", *folders, *options).stdout
    assert output.splitlines()[0] == "5 runs, 28 series: 0 changed by 5% or more"
    assert "select/tcp" not in output
    assert output.splitlines()[-1] == "28 series are not listed (--all)"
    output = run_holabench(capsys, "history", *folders, *options, "--all").stdout
    assert output.count("select/tcp, capacity, ") == 3
    refused = run_holabench(capsys, "history", *folders, "--threshold", "0%")
    assert (refused.code, refused.stderr.count("\n")) == (2, 1)

"""``holabench export``, on runs whose measurements are made up."""

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.export.formats import FORMATS
from tests.support.commands import run_python
from tests.support.in_process import run_holabench
from tests.support.processes import ROOT
from tests.system import runs

pytestmark = pytest.mark.slow
SLOWER = 0.5


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    return {
        "valid": runs.make_run(root / "valid"),
        "slower": runs.make_run(root / "slower", SLOWER, seed=2),
        "part": runs.make_run_with_trials(root / "part", codes="CORRUPT_REPLIES=9"),
        "invalid": make_invalid_run(root / "invalid"),
        "empty": runs.make_run_without_blocks(root / "empty"),
        "search": runs.make_search(root / "search", 10e3, 11e3),
    }


def make_invalid_run(path: Path) -> Path:
    """Make a run in which every trial that was measured is invalid."""
    trials = pd.read_csv(runs.make_run(path) / "trials.csv")
    trials["codes"] = trials["codes"].astype(object).mask(trials["status"] == "ok", "CORRUPT_REPLIES=9")
    trials.to_csv(path / "trials.csv", index=False)
    return path


@pytest.mark.parametrize("name", ["bmf", "pyperf", "csv-long"])
def test_single_file_is_printed_or_written(
    name: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run_holabench(capsys, "export", str(folders["valid"]), "--as", name)
    written = run_holabench(capsys, "export", str(folders["valid"]), "--as", name, "--output", str(tmp_path / "out"))
    assert (printed.code, written.code) == (0, 0)
    assert written.stdout == f"{tmp_path / 'out'}\n"
    assert (tmp_path / "out").read_text() == printed.stdout


def test_github_action_has_two_files_in_a_directory(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "new" / "directory"
    arguments = ("export", str(folders["valid"]), "--as", "github-action", "--output", str(directory))
    completed = run_holabench(capsys, *arguments)
    assert completed.code == 0
    names = FORMATS["github-action"].file_names
    assert completed.stdout.split() == [str(directory / name) for name in names]
    assert all(json.loads((directory / name).read_text()) for name in names)


def test_invalid_figures_are_named_on_stderr(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "export", str(folders["part"]), "--as", "bmf")
    assert completed.code == 0
    assert not any(name.startswith("asyncio/tcp,") for name in json.loads(completed.stdout))
    assert "left out: asyncio/tcp, capacity, 16 connections, 64 bytes: throughput_rps" in completed.stderr
    assert "(invalid: CORRUPT_REPLIES=9)" in completed.stderr


def test_metrics_are_selected(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "export", str(folders["valid"]), "--as", "bmf", "--metrics", "memory_mb,rss_mb")
    measures = {measure for measures in json.loads(completed.stdout).values() for measure in measures}
    assert measures == {"memory_mb", "rss_mb"}


def test_search_is_exported(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "export", str(folders["search"]), "--as", "bmf")
    name = "select/tcp, max_rate, 16 connections, 64 bytes"
    assert json.loads(completed.stdout) == {name: {"max_rate_rps": {"value": 10e3}}}


@pytest.mark.parametrize(
    ("folder", "options", "expected"),
    [
        ("valid", ["--as", "xml"], "--as 'xml': unknown format; the formats are bmf, github-action, pyperf, csv-long"),
        ("valid", [], "Missing option '--as'"),
        ("valid", ["--as", "github-action"], "add --output DIRECTORY"),
        ("valid", ["--as", "bmf", "--metrics", "speed"], "--metrics 'speed': unknown metric"),
        ("valid", ["--as", "bmf", "--output", "/dev/null/file"], "--output /dev/null/file: Not a directory"),
        ("valid", ["--as", "pyperf", "--metrics", "throughput_rps"], "nothing to export as pyperf"),
        ("invalid", ["--as", "bmf"], "nothing to export as bmf"),
        ("invalid", ["--as", "csv-long"], "nothing to export as csv-long"),
        ("empty", ["--as", "bmf"], "has no finished block"),
    ],
)
def test_wrong_input_is_one_line(
    folder: str, options: list[str], expected: str, folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    completed = run_holabench(capsys, "export", str(folders[folder]), *options)
    assert completed.code == 2
    assert completed.stdout == ""
    errors = [line for line in completed.stderr.splitlines() if line.startswith("holabench: ")]
    assert len(errors) == 1
    assert expected in errors[0]


def test_folder_that_is_not_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "export", str(tmp_path), "--as", "bmf")
    assert (completed.code, completed.stdout) == (2, "")
    assert "is not a run folder" in completed.stderr


def test_pyperf_compares_two_runs(folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / f"{name}.json") for name in ("valid", "slower")]
    for name, file in zip(("valid", "slower"), files, strict=True):
        assert run_holabench(capsys, "export", str(folders[name]), "--as", "pyperf", "--output", file).code == 0
    shown = run_python("-m", "pyperf", "show", "--quiet", files[0])
    assert shown.returncode == 0, shown.stderr
    assert "select/tcp, capacity, 16 connections, 64 bytes: service_p50: Mean +- std dev:" in shown.stdout
    compared = run_python("-m", "pyperf", "compare_to", "--table", *files)
    assert compared.returncode == 0, compared.stderr
    name = "select/tcp, capacity, 16 connections, 64 bytes: service_p50"
    (row,) = (line for line in compared.stdout.splitlines() if name in line)
    assert row.rstrip("| ").endswith("x slower")


def test_reference_run_is_exported_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in FORMATS:
        arguments = ("export", str(ROOT / "results" / "reference"), "--as", name, "--output", str(tmp_path / name))
        assert run_holabench(capsys, *arguments).code == 0

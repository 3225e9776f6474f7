import re
from pathlib import Path

import pytest

from bench.formatting import format_duration
from bench.plan.toml import load_plan, preset_names
from tests.support.in_process import run_holabench


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize(("seconds", "text"), [(5.0, "10 s"), (60.0, "1 min"), (79.0, "1 min 20 s"), (301.0, "6 min")])
def test_duration_is_rounded(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_models_lists_names_and_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "models")
    assert completed.code == 0
    for name in ("asyncio", "iterative", "multiprocessing", "select", "thread_per_client"):
        assert name in completed.stdout
    assert "Represents: as the documentation teaches." in completed.stdout


def test_presets_are_listed_without_the_examples(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.experiment.model_catalogue.EXAMPLES", "/nowhere")
    completed = run_holabench(capsys, "presets")
    assert completed.code == 0
    assert "tutorial" in completed.stdout


def test_presets_lists_questions_and_durations(capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "presets")
    assert completed.code == 0
    for name in preset_names():
        assert name in completed.stdout
    assert load_plan("quick").question in completed.stdout
    assert " min" in completed.stdout


def test_plan_prints_load_points_and_skipped_servers(capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "plan", "standard")
    assert completed.code == 0
    assert f"{load_plan('standard').blocks} blocks, about" in completed.stdout
    assert re.search(r"about \d+ min, \d\d% of it under load; longer", " ".join(completed.stdout.split()))
    assert "iterative/tcp" in completed.stdout
    assert "skipped: iterative is designed for 1 persistent TCP client" in completed.stdout
    controlled = run_holabench(capsys, "plan", "standard", "--models", "iterative,select", "--connections", "64")
    assert "iterative/tcp (control)" in controlled.stdout
    assert "~control" not in controlled.stdout


def test_plan_counts_only_searched_servers_in_a_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.toml"
    head = "name = 'x'\nmodels = ['select', 'asyncio']\ntransports = ['tcp']\n"
    load = "connections = [4]\nseconds = 0.2\n"
    scenarios = f"[[scenarios]]\nname = 'load'\n{load}[[scenarios]]\nname = 'search'\nrate = 'highest'\n{load}"
    path.write_text(head + scenarios)
    completed = run_holabench(capsys, "plan", str(path))
    cells = [line.split() for line in completed.stdout.splitlines()]
    (loaded,), (searched,) = ([row for row in cells if row[:1] == [name]] for name in ("load", "search"))
    assert (loaded[-2:], searched[-2:]) == (["4", "-"], ["2", "-"])  # four: also the baseline and the control


def test_plan_takes_the_options_of_run(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--models", "select", "--transports", "udp", "--connections", "5", "--blocks", "7"]
    previewed = run_holabench(capsys, "plan", "quick", *options)
    assert previewed.code == 0
    assert "7 blocks, about" in previewed.stdout
    assert "iterative" not in previewed.stdout
    dry = run_holabench(capsys, "run", "quick", *options, "--dry-run")
    assert dry.code == 0
    assert dry.stdout == previewed.stdout


def test_dry_run_creates_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "run", "quick", "--dry-run", "--output-dir", str(tmp_path))
    assert completed.code == 0
    assert not list(tmp_path.iterdir())


def test_new_model_writes_skeleton_and_next_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "new-model", "my_model", "--directory", str(tmp_path))
    assert completed.code == 0
    source = (tmp_path / "my_model.py").read_text()
    assert "def serve_tcp" in source
    assert f"HOLABENCH_MODELS={tmp_path}" in completed.stdout
    assert "--models my_model," in completed.stdout
    (tmp_path / "my_model.py").write_text("changed")
    again = run_holabench(capsys, "new-model", "my_model", "--directory", str(tmp_path))
    assert again.code == 2
    assert "is not overwritten" in again.stderr
    assert (tmp_path / "my_model.py").read_text() == "changed"


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    completed = run_holabench(capsys, "--version")
    assert completed.code == 0
    assert completed.stdout.startswith("holabench")


def test_doctor_prints_no_control_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "mine\x1b]0;title\x07[red]"
    monkeypatch.setattr(
        "bench.machine.doctor.read_kernel_file", lambda path: hostile if path.startswith("/sys/") else ""
    )
    completed = run_holabench(capsys, "doctor")
    assert "mine\ufffd]0;title\ufffd[red]" in "".join(completed.stdout.split())
    assert "\x1b" not in completed.stdout

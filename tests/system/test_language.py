"""``--lang``: tables, charts and reports in Spanish, on a run whose measurements are made up."""

import filecmp
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.translation import ENGLISH, use_language
from tests.support import synthetic
from tests.support.in_process import Completed, run_holabench

pytestmark = pytest.mark.slow
QUESTION = "¿Cuántas peticiones por segundo puede contestar cada servidor?"


@pytest.fixture(autouse=True)
def _english_afterwards() -> Iterator[None]:
    yield
    use_language(ENGLISH)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    synthetic.write_run(synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=2, histograms=True), folder)
    return folder


@pytest.fixture
def folder(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, since a report changes its folder."""
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


def report(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> Completed:
    completed = run_holabench(capsys, "report", *options, str(folder))
    assert completed.code == 0, completed.stderr
    return completed


def test_report_in_spanish_has_spanish_tables_charts_and_pages(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    completed = report(capsys, folder, "--lang", "es")
    assert "puesto  servidor" in completed.stderr
    assert "Con manejadores que no hacen nada, " in completed.stderr
    assert QUESTION in (folder / "charts/throughput.svg").read_text(encoding="utf-8")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<html lang="es">' in page
    assert QUESTION in page
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# holabench: comparación de arquitecturas")


def test_data_are_the_same_in_every_language(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spanish = Path(shutil.copytree(folder, tmp_path / "spanish"))
    report(capsys, folder, "--lang", "en")
    report(capsys, spanish, "--lang", "es")
    tables = ["summary.csv", "comparisons.csv", "trials.csv"]
    assert filecmp.cmpfiles(folder, spanish, tables, shallow=False) == (tables, [], [])


def test_default_is_the_language_of_the_locale(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_MESSAGES", "es_ES.UTF-8")
    assert "puesto  servidor" in report(capsys, folder).stderr
    assert "rank  server" in report(capsys, folder, "--lang", "en").stderr


@pytest.mark.parametrize("command", ["run", "report", "compare", "history", "plan", "presets", "models", "doctor"])
def test_unknown_language_is_refused_in_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    operands = {"report": ["RUN"], "compare": ["RUN", "RUN"], "history": ["RUN"]}.get(command, [])
    completed = run_holabench(capsys, command, *operands, "--lang", "xx")
    assert completed.code == 2
    assert completed.stderr == "holabench: --lang: 'xx' is not a language of holabench; choose en or es\n"


def test_lists_of_presets_and_plans_are_spanish(capsys: pytest.CaptureFixture[str]) -> None:
    presets = run_holabench(capsys, "presets", "--lang", "es").stdout
    assert "¿Qué modelo sirve más peticiones con una carga?" in presets
    plan = run_holabench(capsys, "plan", "quick", "--lang", "es").stdout
    assert plan.splitlines()[0] == "quick: ¿Qué modelo sirve más peticiones con una carga?"

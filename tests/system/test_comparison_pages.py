"""The pages of ``holabench compare`` and ``holabench history``, on runs whose measurements are made up."""

import base64
import html
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.support.browser import NARROW, WIDE, needs_browser, open_page
from tests.support.in_process import run_holabench
from tests.system import runs

pytestmark = pytest.mark.slow
SLOWER = 0.7
MAX_BYTES = 2_000_000
PROBE = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("load", () => {
  const folded = [...document.querySelectorAll("details")];
  folded.forEach((details) => { details.open = true; });
  const root = document.documentElement;
  const charts = [...document.querySelectorAll(".chart")];
  parent.postMessage(JSON.stringify({
    errors,
    width: root.clientWidth,
    content: Math.max(root.scrollWidth, document.body.scrollWidth),
    folded: folded.length,
    charts: charts.length,
    broken: charts.filter((chart) => !chart.querySelector("svg > g")).length,
    unreachable: [...document.querySelectorAll("*")].filter((element) =>
      element.scrollWidth > element.clientWidth && getComputedStyle(element).overflowX === "auto"
      && element.getAttribute("tabindex") !== "0").length,
    untitled: charts.filter((chart) => !chart.querySelector(".mark title")).length,
  }), "*");
});
</script>
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Six runs, of which the last three are slower than those before."""
    root = tmp_path_factory.mktemp("runs")
    speeds = enumerate([1.0, 1.0, 1.0, SLOWER, SLOWER, SLOWER], start=1)
    return [str(runs.make_run(root / f"2026010{day}T000000Z-run", speed, seed=day)) for day, speed in speeds]


@pytest.fixture(params=["compare", "history"])
def command(request: pytest.FixtureRequest, folders: list[str]) -> list[str]:
    """A command that writes a page, without its option --html."""
    if request.param == "compare":
        return ["compare", folders[0], folders[-1], folders[1]]
    return ["history", *folders, "--metric", "throughput_rps"]


def write_page(command: list[str], path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """Return the page of a command, and the lines that it prints."""
    completed = run_holabench(capsys, *command, "--html", str(path))
    assert completed.code == 0, completed.stderr
    lines = completed.stdout.splitlines()
    assert lines[-1] == str(path)
    return path.read_text(), lines


def saved_tables(page: str) -> dict[str, pd.DataFrame]:
    """Return the CSV files that a page offers, by name."""
    links = re.findall(r'<a href="data:text/csv;base64,([^"]+)" download="([^"]+)">', page)
    return {name: pd.read_csv(io.BytesIO(base64.b64decode(text))) for text, name in links}


def test_compare_page_states_when_both_runs_were_measured(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, _ = write_page(["compare", folders[0], folders[1]], tmp_path / "page.html", capsys)
    assert "2026-01-01 00:00 UTC" in page
    assert "2026-01-02 00:00 UTC" in page
    assert "machine: " in page


def test_page_begins_with_the_sentences_of_the_terminal(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, lines = write_page(command, tmp_path / "page.html", capsys)
    lists = re.findall(r'<ul class="lead">(.*?)</ul>', page, re.DOTALL)
    assert len(lists) == (2 if command[0] == "compare" else 1)
    for of_comparison in lists:
        sentences = re.findall(r"<li>(.*?)\.</li>", of_comparison)
        assert 1 <= len(sentences) <= 5
        printed = {line[:1].upper() + line[1:] for line in lines}
        assert {html.unescape(sentence) for sentence in sentences} <= printed


def test_page_has_charts_with_titles_and_folded_tables(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, _ = write_page(command, tmp_path / "page.html", capsys)
    opened = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    assert '<div class="chart"' in opened
    assert re.search(r'<g class="mark m-select"><title>select/tcp, capacity, 16 connections', opened)
    assert "<table" not in opened
    assert "<table" in page


def test_page_runs_no_script_and_refers_to_nothing_outside(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, _ = write_page(command, tmp_path / "page.html", capsys)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert "<script" not in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    references = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    inside = {reference.removeprefix("#") for reference in references if not reference.startswith("data:text/csv")}
    assert inside <= set(ids)
    assert len(page) < MAX_BYTES


def test_rows_can_be_saved_from_the_page(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [folders[0], folders[-1], folders[1]]
    page, _ = write_page(["compare", *paths], tmp_path / "page.html", capsys)
    printed = [json.loads(line) for line in run_holabench(capsys, "compare", *paths, "--json").stdout.splitlines()]
    tables = saved_tables(page)
    assert list(tables) == ["changes-1.csv", "changes-2.csv"]
    for table, after in zip(tables.values(), paths[1:], strict=True):
        runs = [Path(folders[0]).name, Path(after).name]
        rows = [row for row in printed if row["runs"] == runs and row["type"] == "change"]
        assert table[["run_before", "run_after"]].drop_duplicates().to_numpy().tolist() == [runs]
        for name in ("arm", "metric", "conclusion", "connections"):
            assert table[name].tolist() == [row[name] for row in rows]
        assert table["ratio"].tolist() == pytest.approx([row["ratio"] for row in rows])
    page, _ = write_page(["compare", *paths[:2]], tmp_path / "single.html", capsys)
    assert list(saved_tables(page)) == ["changes.csv"]


def test_series_can_be_saved_from_the_page(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, _ = write_page(
        ["history", *folders, "--metric", "throughput_rps", "--arm", "select/tcp"], tmp_path / "page.html", capsys
    )
    ((name, table),) = saved_tables(page).items()
    assert name == "history-throughput_rps.csv"
    assert len(table) == page.count("<tr><td>")
    of_load = table[table["connections"] == 16]
    assert of_load["run"].tolist() == [Path(folder).name for folder in folders]
    assert of_load["level_ratio"].notna().tolist() == [False, False, False, True, False, False]
    assert of_load["level_ratio"].max() == pytest.approx(SLOWER, rel=0.1)


@needs_browser
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_page_fits_the_window(
    width: int, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(command, tmp_path / "page.html", capsys)
    report = open_page(tmp_path / "page.html", width, PROBE)
    assert report["errors"] == []
    assert report["width"] == width
    assert report["content"] <= width, "the page scrolls sideways"
    assert report["charts"] >= 3
    assert (report["broken"], report["untitled"]) == (0, 0)
    assert report["unreachable"] == 0, "what scrolls sideways cannot be reached by keyboard"
    assert report["folded"] >= 1


@pytest.mark.parametrize("command", ["compare", "history"], indirect=True)
def test_page_never_replaces_data(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    trials = Path(command[1]) / "trials.csv"
    before = trials.read_bytes()
    completed = run_holabench(capsys, *command, "--html", str(trials))
    assert (completed.code, completed.stderr.count("\n")) == (2, 1)
    assert "the name of a page ends in .html" in completed.stderr
    assert trials.read_bytes() == before


def test_page_that_cannot_be_written_is_one_line(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    completed = run_holabench(capsys, *command, "--html", str(tmp_path / "missing" / "page.html"))
    assert (completed.code, completed.stderr.count("\n")) == (2, 1)
    assert "No such file or directory" in completed.stderr


def test_invalid_figures_are_no_numbers_on_a_page(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invalid = str(runs.make_run_with_trials(tmp_path / "invalid", verdict="invalid", codes="CORRUPT_REPLIES=9"))
    page, _ = write_page(["compare", folders[0], invalid], tmp_path / "page.html", capsys)
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", page) if "asyncio/tcp" in row and ">invalid<" in row]
    assert rows
    for row in rows:
        _, _, _, change, _, before, after, _ = re.findall(r"<td[^>]*>(.*?)</td>", row)
        assert (change, before, after) == ("-", "-", "-")
    assert "asyncio/tcp" not in "".join(re.findall(r"<title>(.*?)</title>", page))


def test_hostile_names_are_text_on_a_page(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "<b onclick=alert(1)>$x$\x1b[31m"
    hostile = str(runs.make_run(tmp_path / name, seed=9))
    page, _ = write_page(["compare", folders[0], hostile], tmp_path / "page.html", capsys)
    page += write_page(["history", folders[0], hostile], tmp_path / "history.html", capsys)[0]
    assert "<b onclick" not in page
    assert "&lt;b onclick" in page
    assert "\x1b" not in page

"""Open the report page in a browser.

It has no script error, no broken chart and no overflow, and it fetches nothing.
"""

import base64
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.report.build import build
from bench.report.chart_workers import chart_workers
from bench.store.reader import read_run
from tests.support import synthetic
from tests.support.browser import NARROW, WIDE, needs_browser, open_page

pytestmark = pytest.mark.slow

MIN_CHART_WIDTH = 720  # pixels; the smallest letters of a chart are a hundredth of that high
MIN_PANEL_SCALE = 0.7  # pixels per point; names of rows are drawn in 9.5 points
PROBE = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
const opacity = (model) => getComputedStyle(document.querySelector(`.chart .m-${model}`)).opacity;
const fade = () => {
  document.querySelectorAll(".mark").forEach((mark) => { mark.style.transition = "none"; });
  const box = document.getElementById("show-select");
  box.checked = true;
  const seen = [opacity("select"), opacity("asyncio")];
  box.checked = false;
  return [...seen, opacity("asyncio")];
};
addEventListener("load", () => {
  const root = document.documentElement;
  const form = document.getElementById("needs");
  form.elements.connections.value = "500";
  form.dispatchEvent(new Event("input"));
  const noMatch = document.getElementById("matches").textContent;
  form.elements.connections.value = "";
  form.elements.rate.value = "30000";
  form.dispatchEvent(new Event("input"));
  const matches = [...document.querySelectorAll("#choices tbody tr")].filter((row) => !row.hidden).length;
  const charts = [...document.querySelectorAll(".chart")];
  const panels = [...document.querySelectorAll(".panel")]
    .map((element) => ({element, box: element.getBoundingClientRect()})).filter(({box}) => box.width);
  const isEmpty = (use) => !use.getBBox().width;
  const shown = ".lead li, .scorecard td, .scorecard th, #choices td, body > p, nav a, h1";
  const rows = [...document.querySelectorAll(shown)];
  const boxes = rows.filter((row) => row.textContent.trim()).flatMap((row) => [...row.getClientRects()]);
  const outside = boxes.filter((box) => box.width && (box.left < 0 || box.right > root.clientWidth)).length;
  const cells = [...document.querySelectorAll(".scorecard td")];
  const brokenCells = cells.filter((cell) => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    return new Set([...text.getClientRects()].map((box) => box.top)).size > 1;
  }).map((cell) => cell.textContent);
  parent.postMessage(JSON.stringify({
    errors,
    overview: boxes.length,
    outside,
    brokenCells,
    width: root.clientWidth,
    content: Math.max(root.scrollWidth, document.body.scrollWidth),
    marks: document.querySelectorAll(".chart .mark title").length,
    broken: charts.filter((chart) => !chart.querySelector("svg > g")).length,
    faded: fade(),
    matches, noMatch,
    charts: charts.map((chart) => chart.querySelector("svg").getBoundingClientRect().width),
    named: charts.every((chart) => chart.querySelector("svg[role=img]").ariaLabel),
    panels: panels.map(({element, box}) => box.width / element.viewBox.baseVal.width),
    panelsOutside: panels.filter(({box}) => box.left < 0 || box.right > root.clientWidth).length,
    panelsOfChart: charts.map((chart) => chart.querySelectorAll(".panel").length),
    emptyPanels: panels.filter(({element}) => [...element.querySelectorAll("use")].some(isEmpty)).length,
    axes: charts.map((chart) => chart.querySelectorAll(":scope > svg [id*='-axes_']").length),
    notes: document.querySelector(".narrow ul").getBoundingClientRect().height,
  }), "*");
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of a run with names that look like HTML or mathematics."""
    strange = {f"<b onclick=alert(1)>$\\x$/{over}": {16: 3e4, 64: 3e4} for over in ("tcp", "udp")}
    rates = synthetic.TCP | synthetic.UDP | strange
    judged = {("select/tcp", 64): ("failed", r"another reply: b'$\xd0\x94^'")}
    rows = synthetic.make_run(rates, blocks=6, rounds=4, judged=judged, histograms=True)
    return make_report(rows, tmp_path_factory.mktemp("run"))


def make_report(rows: synthetic.Rows, path: Path) -> Path:
    """Write the rows as a run and return the page of its report."""
    synthetic.write_run(rows, path)
    with chart_workers(path) as workers:
        build(read_run(path), workers)
    return path / "report.html"


@pytest.fixture(scope="module")
def opened(page: Path) -> Callable[[int], dict[str, Any]]:
    """A function that returns what the page shows at a width; a browser is started once for each."""
    return functools.cache(lambda width: open_page(page, width, PROBE))


@needs_browser
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_page_opens_without_errors_and_fits_the_window(opened: Callable[[int], dict[str, Any]], width: int) -> None:
    report = opened(width)
    assert report["errors"] == []
    assert report["width"] == width
    assert report["content"] <= width, "the page scrolls sideways"
    assert len(report["charts"]) >= 8
    assert report["broken"] == 0
    assert report["marks"] > 50, "the marks have no titles"
    assert report["faded"] == ["1", "0.13", "1"], "a box does not highlight its model"
    assert 0 < report["matches"] < 30, "the filter shows all cases or none"
    assert report["noMatch"].startswith("Not measured: 500 connections.")
    assert "this run measured at most 64" in report["noMatch"]
    assert "The preset waiting" in report["noMatch"], "the answer names no preset with that number of clients"


@needs_browser
def test_overview_of_a_narrow_window_is_inside_it(opened: Callable[[int], dict[str, Any]]) -> None:
    report = opened(NARROW)
    assert report["overview"] > 30
    assert report["outside"] == 0, "texts of the overview or of the chooser are cut off"
    assert report["brokenCells"] == [], "an answer of the scorecard is on two lines"


@needs_browser
def test_charts_fill_a_wide_window(opened: Callable[[int], dict[str, Any]]) -> None:
    report = opened(WIDE)
    assert min(report["charts"]) >= MIN_CHART_WIDTH
    assert report["named"], "a chart has no name"
    assert report["panels"] == [], "a panel is shown beside the whole chart"
    assert report["notes"] == 0, "the notes of a chart are shown twice"


@needs_browser
def test_charts_show_all_panels_in_a_narrow_window(opened: Callable[[int], dict[str, Any]]) -> None:
    report = opened(NARROW)
    assert max(report["charts"]) <= 1, "the whole chart is shown beside its panels"
    assert report["panelsOfChart"] == report["axes"]
    assert len(report["panels"]) == sum(report["axes"])
    assert report["panelsOutside"] == 0, "marks are outside the window"
    assert report["emptyPanels"] == 0
    assert min(report["panels"]) >= MIN_PANEL_SCALE, "the letters of a panel are too small"
    assert report["notes"] > 0


def test_page_refers_to_nothing_outside_its_folder(page: Path) -> None:
    text = page.read_text()
    sources = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", re.sub(r"data:[^\"]+", "data:", text))
    assert set(sources) <= {
        "data:",
        "summary.csv",
        "comparisons.csv",
        "histograms.csv.gz",
        "slices.csv.gz",
        "plan.toml",
    } | {source for source in sources if source.startswith("#")}
    assert "<b onclick" not in text
    assert "default-src 'none'" in text
    assert len(text) < 3_000_000


def test_files_linked_from_page_exist(page: Path) -> None:
    links = set(re.findall(r'href="([^"#]+)"', page.read_text()))
    files = {name for name in links if not name.startswith("data:")}
    assert len(links - files) == 2, "the page contains two tables"
    for name in files:
        assert (page.parent / name).exists(), name


def test_page_contains_the_tables_that_it_was_made_from(page: Path) -> None:
    links = re.findall(r'href="data:text/csv;base64,([^"]+)" download="([^"]+)"', page.read_text())
    assert {name: base64.b64decode(text) for text, name in links} == {
        name: (page.parent / name).read_bytes() for name in ("summary.csv", "comparisons.csv")
    }

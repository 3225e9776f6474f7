"""The page of a run, opened in a browser: no script error, nothing fetched, every picture there, no width overrun."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.report.build import derive
from bench.report.chart_workers import helpers
from bench.store.run_folder import RunFolder
from tests.support import synthetic

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NARROW, WIDE = 400, 1400
READABLE = 720  # pixels across, for a chart whose smallest words are a hundredth of that high
# A headless window is 500 pixels wide at least; a frame is as wide as one says, and its document knows no difference.
FRAME = """
<title>nothing was told</title>
<script>addEventListener("message", (event) => {{ document.title = event.data; }});</script>
<iframe src="{source}" style="border: 0; width: {width}px; height: 2000px"></iframe>
"""
ASKS = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("load", () => {
  const root = document.documentElement;
  const form = document.getElementById("needs");
  form.elements.rate.value = "30000";
  form.dispatchEvent(new Event("input"));
  const charts = [...document.querySelectorAll(".chart")];
  parent.postMessage(JSON.stringify({
    errors,
    width: root.clientWidth,
    content: Math.max(root.scrollWidth, document.body.scrollWidth),
    images: document.images.length,
    broken: [...document.images].filter((one) => one.naturalWidth === 0).length,
    left: [...document.querySelectorAll("#choices tbody tr")].filter((row) => !row.hidden).length,
    charts: charts.map((one) => one.querySelector("img").clientWidth),
    hidden: charts.map((one) => one.scrollWidth - one.clientWidth),
    named: charts.every((one) => one.tabIndex === 0 && one.getAttribute("role") && one.getAttribute("aria-label")),
    hint: getComputedStyle(document.querySelector(".swipe")).display,
  }), "*");
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made-up run, with names that try to be HTML, and names and replies that look like mathematics."""
    strange = {f"<b onclick=alert(1)>$\\x$/{over}": {16: 3e4, 64: 3e4} for over in ("tcp", "udp")}
    rates = synthetic.TCP | synthetic.UDP | strange
    judged = {("select/tcp", 64): ("failed", r"another reply: b'$\xd0\x94^'")}
    rows = synthetic.make_run(rates, blocks=6, rounds=4, judged=judged, histograms=True)
    return derived(rows, tmp_path_factory.mktemp("run"))


def derived(rows: synthetic.Rows, path: Path) -> Path:
    synthetic.write_run(rows, path)
    with helpers(RunFolder(path)) as helping:
        derive(RunFolder(path), helping)
    return path / "report.html"


def opened(page: Path, width: int) -> dict[str, Any]:
    """What a document so wide finds out about itself after its scripts have run."""
    assert CHROMIUM is not None
    asking, frame = page.with_name("asking.html"), page.with_name(f"frame-{width}.html")
    asking.write_text(page.read_text().replace("</body>", ASKS + "</body>"))
    frame.write_text(FRAME.format(source=asking.name, width=width))
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDE},2000"]
    ended = subprocess.run(
        [CHROMIUM, *words, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"<title>({.*?})</title>", ended.stdout, re.DOTALL)
    assert found, ended.stdout[:500]
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_it_opens_without_an_error_and_fits_the_window(page: Path, width: int) -> None:
    told = opened(page, width)
    assert told["errors"] == []
    assert told["width"] == width
    assert told["content"] <= width, "it scrolls sideways"
    assert told["images"] >= 8
    assert told["broken"] == 0
    assert 0 < told["left"] < 30, "the filter shows all, or nothing"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_its_charts_are_readable_and_scroll_by_themselves_where_it_is_narrow(page: Path, width: int) -> None:
    told = opened(page, width)
    assert len(told["charts"]) == told["images"]
    assert min(told["charts"]) >= READABLE
    assert told["named"], "a keyboard cannot reach what scrolls, or it has no name"
    scrolls = [hidden > 0 for hidden in told["hidden"]]
    assert all(scrolls) if width == NARROW else not any(scrolls)
    assert told["hint"] == ("inline" if width == NARROW else "none")


def test_nothing_in_it_leaves_the_file(page: Path) -> None:
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


def test_every_file_that_it_links_to_is_there(page: Path) -> None:
    for name in set(re.findall(r'href="([^"#]+)"', page.read_text())):
        assert (page.parent / name).exists(), name

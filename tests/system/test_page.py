"""The page of a run, opened in a browser: no script error, nothing fetched, every picture there, no width overrun."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.derive import derive
from bench.helpers import helpers
from bench.store import RunFolder
from tests.unit import synthetic

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NARROW, WIDE = 500, 1400  # headless windows are not narrower than that
ASKS = """
<script>
addEventListener("error", (event) => { document.title += " ERROR " + event.message; });
addEventListener("load", () => {
  const broken = [...document.images].filter((one) => one.naturalWidth === 0).length;
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const form = document.getElementById("needs");
  form.elements.rate.value = "30000";
  form.dispatchEvent(new Event("input"));
  const left = [...document.querySelectorAll("#choices tbody tr")].filter((row) => !row.hidden).length;
  document.title += ` images=${document.images.length} broken=${broken} over=${wide} left=${left}`;
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made-up run, with names that try to be HTML, and names and replies that look like mathematics."""
    strange = {f"<b onclick=alert(1)>$\\x$/{over}": {16: 3e4, 64: 3e4} for over in ("tcp", "udp")}
    rates = synthetic.TCP | synthetic.UDP | strange
    judged = {("select/tcp", 64): ("failed", r"another reply: b'$\xd0\x94^'")}
    rows = synthetic.run(rates, blocks=6, rounds=4, judged=judged, histograms=True)
    return derived(rows, tmp_path_factory.mktemp("run"))


def derived(rows: synthetic.Rows, path: Path) -> Path:
    synthetic.write(rows, path)
    with helpers(RunFolder.open(path)) as helping:
        derive(RunFolder.open(path), helping)
    return path / "report.html"


def opened(page: Path, width: int) -> str:
    """The document after its scripts have run, with what they found out in its title."""
    assert CHROMIUM is not None
    asking = page.with_name(f"asking-{width}.html")
    asking.write_text(page.read_text().replace("</body>", ASKS + "</body>"))
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},2000", "--virtual-time-budget=5000"]
    ended = subprocess.run(
        [CHROMIUM, *words, "--dump-dom", asking.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    found = re.search(r"<title>(.*?)</title>", ended.stdout, re.DOTALL)
    assert found, ended.stdout[:500]
    return html.unescape(found[1])


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_it_opens_without_an_error_and_fits_the_window(page: Path, width: int) -> None:
    title = opened(page, width)
    assert "ERROR" not in title
    figures = dict(word.split("=") for word in title.split() if "=" in word)
    assert int(figures["images"]) >= 8
    assert figures["broken"] == "0"
    assert int(figures["over"]) <= 0, "it is wider than the window"
    assert 0 < int(figures["left"]) < 30, "the filter shows all, or nothing"


def test_nothing_in_it_leaves_the_file(page: Path) -> None:
    text = page.read_text()
    sources = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", re.sub(r"data:[^\"]+", "data:", text))
    assert set(sources) <= {"data:", "summary.csv", "comparisons.csv", "histograms.csv", "slices.csv", "plan.toml"} | {
        source for source in sources if source.startswith("#")
    }
    assert "<b onclick" not in text
    assert "default-src 'none'" in text
    assert len(text) < 3_000_000


def test_every_file_that_it_links_to_is_there(page: Path) -> None:
    for name in set(re.findall(r'href="([^"#]+)"', page.read_text())):
        assert (page.parent / name).exists(), name

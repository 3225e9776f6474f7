"""Open a page in a browser and ask it what it shows."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NARROW, WIDE = 400, 1400
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"(?![^>]*script-src)[^>]*>')
# A headless window is at least 500 pixels wide. A frame can be narrower, and works like a window.
FRAME = """
<title>no message</title>
<script>addEventListener("message", (event) => {{ document.title = event.data; }});</script>
<iframe src="{source}" style="border: 0; width: {width}px; height: 2000px"></iframe>
"""


def open_page(page: Path, width: int, probe: str) -> dict[str, Any]:
    """Open a page at a width in pixels and return the object of JSON that the probe sends to the parent window.

    probe: a script element. A page whose policy forbids scripts is opened without its policy.
    """
    assert CHROMIUM is not None
    probed, frame = page.with_name("probed.html"), page.with_name(f"frame-{width}.html")
    probed.write_text(_POLICY.sub("", page.read_text()).replace("</body>", probe + "</body>"))
    frame.write_text(FRAME.format(source=probed.name, width=width))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDE},2000"]
    browser = subprocess.run(
        [CHROMIUM, *options, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    title = re.search(r"<title>({.*?})</title>", browser.stdout, re.DOTALL)
    assert title, browser.stdout[:500]
    report: dict[str, Any] = json.loads(html.unescape(title[1]))
    return report

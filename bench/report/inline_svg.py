"""A chart inside a page: an SVG element whose ids no other chart of the page has. Pure."""

import re
from pathlib import PurePosixPath

_BEFORE_ROOT = re.compile(r"^.*?(?=<svg)", re.DOTALL)  # an XML declaration and a document type
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r'(\sid="|href="#|url\(#)')
_SIZE = re.compile(r'(<svg[^>]*?)\s(?:width|height)="[^"]*pt"')


def chart_name(path: str) -> str:
    """Return the name of a chart for ids and links: that of its file, e.g. ``throughput``."""
    return PurePosixPath(path).stem


def inline_svg(svg: bytes, name: str, title: str) -> str:
    """Return a chart as an SVG element.

    name: begins all its ids, which are otherwise the same in several charts. title: for people who cannot see it.
    """
    text = _METADATA.sub("", _BEFORE_ROOT.sub("", svg.decode(), count=1))
    text = _ID.sub(lambda match: f"{match[1]}{name}-", text)
    while (smaller := _SIZE.sub(r"\1", text, count=1)) != text:  # the page gives it the width of the window
        text = smaller
    return text.replace("<svg", f'<svg role="img" aria-label="{_attribute(title)}"', 1)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")

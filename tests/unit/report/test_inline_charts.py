"""Charts inside the page: their marks, their ids, and the CSS that highlights a model."""

import re
from xml.etree import ElementTree as ET

import pytest
from matplotlib.figure import Figure

from bench.report.charts.encode import encode_svg
from bench.report.charts.marks import mark, model_class
from bench.report.charts.style import look
from bench.report.content import Picture
from bench.report.inline_svg import inline_svg
from bench.report.render import RunContext
from tests.support import synthetic
from tests.support.reports import make_report
from tests.support.results import results_of

SVG = "{http://www.w3.org/2000/svg}"


def draw_marks(texts: dict[str, str]) -> bytes:
    """Return a chart with a mark for each model."""
    with look():
        figure = Figure()
        ax = figure.add_subplot()
        ax.plot([0, 1], [0, 1])  # belongs to no model
        for label, text in texts.items():
            with mark(ax, label, text):
                ax.plot([1], [1], "o")
        return encode_svg(figure)


def marks_of(svg: str | bytes) -> dict[str, str | None]:
    """Return the title of each mark, by its class."""
    groups = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if "mark" in group.get("class", "")]
    return {group.get("class", ""): group.findtext(f"{SVG}title") for group in groups}


def test_marks_have_the_class_of_their_model_and_a_title() -> None:
    assert marks_of(draw_marks({"select": "select: 31.2k [30k, 32k]", "asyncio": ""})) == {
        "mark m-select": "select: 31.2k [30k, 32k]",
        "mark m-asyncio": None,
    }


@pytest.mark.parametrize("text", ['a "quoted" <reply>', "5 & 6 > 4", "it's"])
def test_any_text_can_be_a_title(text: str) -> None:
    assert marks_of(draw_marks({"a&b <c>": text})) == {"mark m-a-b--c-": text}


def test_class_of_a_model_is_a_name_in_css() -> None:
    assert model_class("php 8.2/x") == "m-php-8-2-x"


def make_page(*names: str) -> str:
    rows = synthetic.make_run({"asyncio/tcp": {1: 3e4}, "select/tcp": {1: 4e4}}, blocks=6, rounds=4)
    svg = draw_marks({"select": "40k", "asyncio": "30k"})
    pictures = [Picture(f"Question of {name}?", f"charts/{name}.png", svg, "capacity", "summary.csv") for name in names]
    run = RunContext({}, {}, files={"summary.csv": "scenario,median\ncapacity,3\n"})
    return make_report(*results_of(rows), rows.trials, run, pictures)[1]


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    page = make_page("throughput", "memory")
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page))
    assert references <= set(ids)
    assert {"throughput.select", "memory.asyncio"} <= references


def test_each_model_can_be_highlighted_by_a_box_and_by_a_link() -> None:
    page = make_page("throughput")
    assert '<input type="checkbox" id="show-select">' in page
    assert re.search(r"body:has\(#show-select:checked\).*{ --marks-select: 1; }", page)
    assert ".m-select { opacity: var(--marks-select, var(--other-marks, 1)); }" in page
    assert '<span class="anchor" id="throughput.select">' in page


def test_page_contains_its_data() -> None:
    assert '<a href="data:text/csv;base64,c2NlbmFyaW8sbWVkaWFuCmNhcGFjaXR5LDMK" download="summary.csv">' in make_page(
        "x"
    )


def test_inline_chart_has_no_fixed_size_and_a_name() -> None:
    svg = inline_svg(draw_marks({"select": ""}), "throughput", 'How "fast"?')
    root = re.match(r"<svg[^>]*>", svg)
    assert root is not None
    assert 'aria-label="How &quot;fast&quot;?"' in root[0]
    assert not re.search(r'\s(width|height)="', root[0])
    assert 'viewBox="' in root[0]

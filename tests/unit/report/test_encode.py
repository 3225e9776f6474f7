import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bench.report.charts.encode import encode_png, encode_svg
from bench.report.charts.style import look


@pytest.fixture
def figure() -> Figure:
    figure = Figure(figsize=(4, 2.5))
    axes = figure.subplots()
    axes.plot(np.linspace(0, 1, 200), np.sin(np.linspace(0, 9, 200)), color="#d55e00", label="1.23456 ms")
    axes.legend()
    return figure


def test_png_shows_the_figure_with_a_palette(figure: Figure) -> None:
    truecolour = io.BytesIO()
    figure.savefig(truecolour, format="png", dpi=150)
    expected = np.asarray(Image.open(truecolour).convert("RGB"), int)
    image = Image.open(io.BytesIO(encode_png(figure)))
    assert image.mode == "P"
    difference = np.abs(np.asarray(image.convert("RGB"), int) - expected).max(axis=2)
    assert difference.shape == (375, 600)
    assert difference.max() < 64
    assert (difference > 16).mean() < 0.001
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_png_is_the_same_for_the_same_figure(figure: Figure) -> None:
    assert encode_png(figure) == encode_png(figure)


def test_svg_rounds_paths_and_keeps_texts(figure: Figure) -> None:
    with look():
        svg = encode_svg(figure).decode()
    paths = re.findall(r' d="([^"]*)"', svg)
    assert paths
    assert not re.search(r"\d\.\d{3}", " ".join(paths))
    assert "1.23456 ms" in svg


def test_svg_names_its_font_once_and_has_no_empty_turns(figure: Figure) -> None:
    figure.axes[0].set_ylabel("turned")
    figure.axes[0].set_title("'quoted' font-family: Arial; kept", fontweight="bold")
    with look():
        svg = encode_svg(figure).decode()
    assert svg.count("DejaVu Sans") == 1
    assert "font-family: Arial; kept" in svg
    assert "font-weight: 700" in svg or "font-weight: bold" in svg
    assert len(re.findall(r"rotate\(", svg)) == 1, "only the label of the y axis is turned"
    assert "<text" in svg
    assert ET.fromstring(svg).tag.endswith("svg")


def test_svg_is_a_third_smaller_than_matplotlib_writes_it(figure: Figure) -> None:
    whole = io.BytesIO()
    with look():
        figure.savefig(whole, format="svg")
        assert len(encode_svg(figure)) < 0.7 * len(whole.getvalue())

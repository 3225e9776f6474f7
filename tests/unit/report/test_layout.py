import pytest

from bench.report.charts.layout import spread


def test_spread_moves_labels_no_further_than_needed() -> None:
    assert spread([0.5, 0.1, 0.9], 0.2) == pytest.approx([0.5, 0.1, 0.9])
    assert spread([0.5, 0.5], 0.2) == pytest.approx([0.4, 0.6])
    assert spread([0.5, 0.5, 0.5, 0.95], 0.2) == pytest.approx([0.3, 0.5, 0.7, 0.95])
    assert spread([], 0.2) == []


def test_spread_stays_inside_the_axes_if_there_is_room() -> None:
    assert spread([0.9, 0.95, 1.0], 0.2, top=1.0) == pytest.approx([0.6, 0.8, 1.0])
    assert spread([0.0, 0.0, 0.9], 0.2, top=1.0) == pytest.approx([0.0, 0.2, 0.9])
    assert spread([0.5, 0.5, 0.5], 0.6, top=1.0) == pytest.approx([-0.1, 0.5, 1.1]), "too many"

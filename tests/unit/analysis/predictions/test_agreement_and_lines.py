import math

import pytest

from bench.analysis.predictions.agreement import Agreement, agreement, prediction_ratio
from bench.analysis.predictions.straight_lines import cost_by_size, extrapolated_memory_mb


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (1.0, Agreement.AS_PREDICTED),
        (1.1, Agreement.AS_PREDICTED),
        (1 / 1.1, Agreement.AS_PREDICTED),
        (1.101, Agreement.NOT_EXPLAINED),
        (0.9, Agreement.NOT_EXPLAINED),  # 10 % in either direction is a factor: 1 / 1.1 is 0.909
        (math.inf, Agreement.NOT_EXPLAINED),
        (0.0, Agreement.NOT_EXPLAINED),
        (math.nan, Agreement.NONE),
    ],
)
def test_agreement_is_within_ten_percent(ratio: float, word: Agreement) -> None:
    assert agreement(ratio) is word


def test_prediction_ratio_of_unknown_values_is_unknown() -> None:
    assert prediction_ratio(3.0, 2.0) == 1.5
    assert math.isnan(prediction_ratio(math.nan, 2.0))
    assert math.isnan(prediction_ratio(2.0, math.nan))
    assert math.isnan(prediction_ratio(0.0, 0.0))
    assert prediction_ratio(1.0, 0.0) == math.inf


def test_memory_is_extrapolated_from_the_fewest_connections() -> None:
    assert extrapolated_memory_mb(10_000, (0, 20.0), (100, 21.0)) == pytest.approx(120)
    with pytest.raises(ValueError, match="fewest first"):
        extrapolated_memory_mb(10, (100, 20.0), (100, 21.0))


def test_cost_by_size_recovers_both_coefficients() -> None:
    line = cost_by_size([16, 1024, 65536], [10 + 0.002 * size for size in (16, 1024, 65536)])
    assert (line.per_request_us, line.per_byte_us) == pytest.approx((10, 0.002))
    assert line.largest_error == pytest.approx(0, abs=1e-9)
    assert line.at_us(1_000_000) == pytest.approx(2010)


def test_cost_by_size_weighs_relative_errors() -> None:
    line = cost_by_size([0, 1, 1000], [10, 10, 1100])
    assert line.per_request_us == pytest.approx(10, rel=0.06)
    assert line.largest_error < 0.1


def test_cost_by_size_refuses_one_size() -> None:
    with pytest.raises(ValueError, match="at least two sizes"):
        cost_by_size([64, 64], [10, 11])

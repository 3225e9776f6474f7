import math
from typing import Any

import pytest

from bench.report.savings import difference_text, saved_by_udp, saved_over
from tests.support import synthetic
from tests.support.reports import make_report
from tests.support.results import results_of


def make_row(difference: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {
        "metric": "cpu_us_per_request",
        "kind": "reference",
        "arm": "select/tcp",
        "reference": "asyncio/tcp",
        "conclusion": "faster",
        "verdict": "valid",
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
    } | more


def test_saving_is_stated_in_microseconds_with_its_interval() -> None:
    rows = [make_row(-1.13, -1.22, -1.04), make_row(1.86, 1.68, 2.03, arm="thread_per_client/tcp", conclusion="slower")]
    assert saved_over(rows, "tcp") == (
        "Over TCP, CPU time per request against asyncio: select 1.13 µs less (1.04 to 1.22) and thread_per_client "
        "1.86 µs more (1.68 to 2.03)."
    )
    over_udp = make_row(-0.98, -1.08, -0.89, arm="select/udp", reference="select/tcp", kind="transports")
    assert saved_by_udp([over_udp]) == "CPU time per request, UDP against TCP: select 0.98 µs less (0.89 to 1.08)."


@pytest.mark.parametrize(
    "row",
    [
        make_row(-1.0, -2.0, 0.1),
        make_row(-1.0, -2.0, -0.5, verdict="invalid"),
        make_row(-1.0, -2.0, -0.5, conclusion="inconclusive"),
        make_row(-1.0, math.nan, math.nan),
    ],
)
def test_uncertain_saving_is_not_stated(row: dict[str, Any]) -> None:
    assert saved_over([row], "tcp") == ""


def test_difference_is_printed_with_its_sign() -> None:
    assert difference_text(make_row(-1.13, -1.22, -1.04)) == "-1.13 [-1.22, -1.04]"
    assert difference_text(make_row(58_000.0, 50_000.0, 60_000.0)) == "+58.0k [+50.0k, +60.0k]"
    assert difference_text(make_row(math.nan, math.nan, math.nan)) == "-"
    assert difference_text({}) == "-"


def test_tables_have_the_saving_beside_the_ratio() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 60e3}}, blocks=6, rounds=4)
    for text in make_report(*results_of(rows), rows.trials):
        assert "CPU µs/request against the reference" in text
        assert "[-1" in text

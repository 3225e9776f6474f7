import math

import pandas as pd
import pytest

from bench.analysis.disturbance import Disturbance, Effect, disturbances
from bench.schema.arms import Arm


def make_row(connections: int, p99_us: float, arm: str = "select/tcp", **more: object) -> dict[str, object]:
    """Return a row of the summary whose interval is 10% to either side."""
    known = {"status": "ok", "reason": "", "verdict": "valid", "low": 0.9 * p99_us, "high": 1.1 * p99_us, "blocks": 6}
    return {"arm": arm, "connections": connections, "median": p99_us} | known | more


def judge(*rows: dict[str, object]) -> Disturbance:
    """Return the effect on the only arm."""
    (only,) = disturbances(pd.DataFrame(rows))
    return only


def test_arm_without_a_longer_tail_is_immune() -> None:
    found = judge(make_row(0, 200.0), make_row(64, 190.0), make_row(1024, 240.0))
    assert (found.effect, found.connections) == (Effect.IMMUNE, 1024)
    assert found.factor == pytest.approx(1.2)


def test_arm_degrades_at_the_first_number_that_doubles_the_tail() -> None:
    found = judge(make_row(0, 200.0), make_row(16, 390.0), make_row(64, 500.0), make_row(256, 900.0))
    assert (found.effect, found.connections) == (Effect.DEGRADES, 64)
    assert found.factor == pytest.approx(2.5)


def test_doubled_tail_within_wide_intervals_is_undecided() -> None:
    found = judge(make_row(0, 200.0, high=700.0), make_row(64, 500.0))
    assert found.effect is Effect.UNDECIDED


def test_tail_that_doubles_only_between_is_undecided() -> None:
    found = judge(make_row(0, 200.0), make_row(1000, 2400.0), make_row(3000, 210.0))
    assert (found.effect, found.connections) == (Effect.UNDECIDED, 3000)


@pytest.mark.parametrize("p99_us", [190.0, 900.0])
def test_too_few_blocks_decide_nothing(p99_us: float) -> None:
    found = judge(make_row(0, 200.0, blocks=2), make_row(64, p99_us, blocks=2))
    assert (found.effect, found.reason) == (Effect.UNDECIDED, "too few blocks for 95% intervals")
    broken = judge(make_row(0, 200.0, blocks=2), make_row(64, math.inf, blocks=2))
    assert broken.effect is Effect.BREAKS


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (make_row(64, math.inf, low=math.inf, high=math.inf), "too many requests are lost"),
        (make_row(64, math.nan, status="failed", reason="server exited"), "server exited"),
        (
            make_row(
                64, math.nan, status="skipped", reason="select is designed for 60 persistent TCP clients at a time"
            ),
            "select is designed for 60 persistent TCP clients at a time",
        ),
    ],
)
def test_arm_breaks_where_it_serves_no_more(row: dict[str, object], reason: str) -> None:
    found = judge(make_row(0, 200.0), make_row(16, 900.0), row)
    assert (found.effect, found.connections, found.reason) == (Effect.BREAKS, 64, reason)
    assert found.before == 16
    assert found.predicted is None


def test_prediction_is_the_smallest_number_with_an_infinite_percentile() -> None:
    predicted = {0: math.nan, 16: math.nan, 64: math.inf, 1024: math.inf}
    found = judge(*(make_row(count, 200.0, predicted=value) for count, value in predicted.items()))
    assert (found.effect, found.predicted) == (Effect.IMMUNE, 64)


def test_limit_of_the_machine_does_not_break_a_server() -> None:
    skipped = make_row(10000, math.nan, status="skipped", reason="needs 40,320 file descriptors")
    found = judge(make_row(0, 200.0), make_row(16, 210.0), skipped)
    assert (found.effect, found.connections) == (Effect.IMMUNE, 16)


def test_arm_that_cannot_serve_the_first_population_is_unknown() -> None:
    reason = "iterative is designed for 1 persistent TCP client at a time"
    found = judge(make_row(0, math.nan, status="skipped", reason=reason), make_row(16, math.nan))
    assert (found.effect, found.reason) == (Effect.UNKNOWN, reason)
    assert judge(make_row(0, 200.0)).effect is Effect.UNKNOWN


def test_invalid_figures_count_neither_way() -> None:
    found = judge(make_row(0, 200.0), make_row(16, 900.0, verdict="invalid"), make_row(64, 210.0))
    assert (found.effect, found.connections) == (Effect.IMMUNE, 64)


def test_controls_and_baselines_have_no_effect_of_their_own() -> None:
    arms = ["asyncio/tcp", "asyncio/tcp~control", "native/tcp"]
    found = disturbances(pd.DataFrame([make_row(count, 200.0, arm) for arm in arms for count in (0, 16)]))
    assert [each.arm for each in found] == [Arm.parse("asyncio/tcp")]

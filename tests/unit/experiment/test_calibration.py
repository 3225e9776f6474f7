from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from bench.experiment.calibration import by_case, rounded
from bench.experiment.server_pool import Setup
from bench.machine.cpu_layout import Placement
from bench.machine.noise_probe import NoiseProbe
from bench.plan.definition import Plan, arms, cases
from bench.schema.arms import Arm
from bench.schema.rows import RateRow

if TYPE_CHECKING:
    from bench.experiment.child_process import Child


def setup(rate: object) -> Setup:
    values = {
        "name": "test",
        "models": ["iterative", "select"],
        "transports": ["tcp"],
        "scenarios": [{"name": "latency", "connections": [16], "rate": rate, "seconds": 0.2}],
    }
    generator = cast("Child", None)  # nothing is asked of it
    return Setup(msgspec.convert(values, Plan), {}, Placement((0,), (1,)), generator, NoiseProbe([0]))


@pytest.mark.parametrize(
    ("rate_rps", "expected"),
    [(13_210.4, 13_000), (99_999, 99_000), (100_000, 100_000), (57.9, 57), (7.3, 7), (0.4, 1)],
)
def test_a_rate_is_rounded_down_to_two_digits(rate_rps: float, expected: float) -> None:
    assert rounded(rate_rps) == expected


def test_a_common_rate_belongs_to_every_arm_and_the_ceiling_to_the_transport() -> None:
    one = setup("common")
    rows = [RateRow("latency", 16, 64, arm, "common", 40_000.0, 20_000.0) for arm in ("select/tcp", "native/tcp")]
    found, case = by_case(one, rows), cases(one.plan)[0]
    assert found.of_arms == {(case, arm): 20_000.0 for arm in arms(one.plan)}
    assert found.baselines == {(case, "tcp"): 40_000.0}


def test_a_share_of_its_own_capacity_belongs_to_the_arm_alone() -> None:
    one = setup(0.5)
    found = by_case(one, [RateRow("latency", 16, 64, "select/tcp", "0.5", 40_000.0, 20_000.0)])
    assert found.of_arms == {(cases(one.plan)[0], Arm("select", "tcp")): 20_000.0}
    assert found.baselines == {}

import pytest

from bench.analysis.cases import CaseKey
from bench.compare.anchors import find_anchors, is_anchor
from bench.compare.changes import changes
from bench.compare.run_values import RunValues
from bench.schema.load_points import LoadPoint
from tests.support import synthetic
from tests.unit.compare.builders import judge_values, make_values, make_values_with_baseline

CASE = CaseKey("mine/tcp", LoadPoint("capacity", 16, 64))
RATES = {"mine/tcp": 3.5e4, "asyncio/tcp": 3e4, "select/tcp": 4e4, "select/udp": 4e4, "native/tcp": 1e5}
MODELS = frozenset({"asyncio", "select"})


def make_run(slow_arm: str = "", without: str = "") -> RunValues:
    """Return a run. slow_arm: has a slice in the first of eight rounds only. without: an arm that is not measured."""
    rates = {arm: {16: rate} for arm, rate in RATES.items() if arm != without}
    rows = synthetic.make_run(rates, blocks=4, rounds=8)
    is_left_out = (rows.slices["arm"] == slow_arm) & (rows.slices["round"] > 0)
    return judge_values(rows.trials, rows.slices[~is_left_out])


def test_models_that_did_not_change_are_the_anchors_of_their_transport() -> None:
    anchors = find_anchors(make_run(), make_run(), CASE, "throughput_rps", MODELS)
    assert anchors.arms == ("asyncio/tcp", "select/tcp")
    assert str(anchors) == "the models"


@pytest.mark.parametrize("after", [make_run(slow_arm="select/tcp"), make_run(without="select/tcp")])
def test_baseline_is_the_anchor_where_two_models_are_not_usable(after: RunValues) -> None:
    assert str(find_anchors(make_run(), after, CASE, "throughput_rps", MODELS)) == "native"


def test_baseline_is_the_anchor_where_models_may_have_changed() -> None:
    assert find_anchors(make_run(), make_run(), CASE, "cpu_us_per_request", ()).arms == ("native/tcp",)


def test_memory_has_no_anchor() -> None:
    assert not find_anchors(make_run(), make_run(), CASE, "memory_mb", MODELS)


def test_case_without_anchor_is_judged_by_its_values() -> None:
    assert {change.relative_to for change in changes(make_values(1), make_values(2))} == {""}


def test_models_that_did_not_change_are_marked() -> None:
    assert is_anchor("asyncio/tcp", MODELS)
    assert is_anchor("native/udp", ())
    assert not is_anchor("asyncio/tcp@pypy3.9", MODELS)
    found = changes(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 1.0), {"asyncio"})
    assert {change.arm for change in found if change.same_program} == {"asyncio/tcp", "native/tcp"}

import math

import pytest

from bench.analysis.predictions.forms import Form
from bench.analysis.predictions.phase_cases import planned_overloads
from bench.plan.definition import Plan
from bench.plan.toml import decode


def make_plan(after: float, retries: int, timeout_s: float = 0.5, during: float = 1.5) -> Plan:
    """Return a plan with an overload of 2 s."""
    text = f"""
name = "plan"
models = ["asyncio"]
transports = ["tcp"]
baseline = "none"
[[scenarios]]
name = "overload"
protocol = "work"
compute_units = 1000
[[scenarios.populations]]
name = "clients"
connections = 10
timeout_s = {timeout_s}
retries = {retries}
[[scenarios.phases]]
name = "before"
seconds = 1.0
capacity_share = {{ clients = {after} }}
[[scenarios.phases]]
name = "overload"
seconds = 2.0
capacity_share = {{ clients = {during} }}
[[scenarios.phases]]
name = "after"
seconds = 4.0
capacity_share = {{ clients = {after} }}
"""
    return decode(text, "text")


def test_queue_of_an_overload_drains_with_the_spare_capacity() -> None:
    (planned,) = planned_overloads(make_plan(after=0.5, retries=0))
    assert (planned.scenario, planned.population, planned.phase) == ("overload", "clients", "after")
    assert planned.recovery is not None
    assert planned.recovery.form is Form.DRAIN
    assert planned.recovery.value == pytest.approx(2.0)  # (1.5 - 1) x 2 s / (1 - 0.5)


def test_three_retries_do_not_let_half_a_load_recover() -> None:
    (planned,) = planned_overloads(make_plan(after=0.5, retries=3))
    assert planned.recovery is not None
    assert (planned.recovery.value, planned.recovery.form) == (math.inf, Form.RETRIES)


@pytest.mark.parametrize(("after", "timeout_s"), [(0.2, 0.5), (0.5, 3.0)])
def test_retries_without_a_closed_form_have_no_prediction(after: float, timeout_s: float) -> None:
    """Below a quarter of the capacity it recovers; before the timeout nothing is sent again."""
    (planned,) = planned_overloads(make_plan(after=after, retries=3, timeout_s=timeout_s))
    assert planned.recovery is None


def test_phases_without_an_overload_have_no_prediction() -> None:
    assert list(planned_overloads(make_plan(after=0.5, retries=0, during=0.9))) == []

import pytest

from bench.plan.sample_sizes import counted_seconds, percentile_needs
from tests.unit.plan.plans import make_plan, make_scenarios


def needs(**scenario: object) -> str:
    plan = make_plan(scenarios=make_scenarios(**({"name": "load", "connections": [16], "seconds": 0.3} | scenario)))
    return percentile_needs(plan, plan.scenarios[0])


def test_warmup_of_slices_does_not_count() -> None:
    plan = make_plan(scenarios=make_scenarios(name="load", connections=[16], seconds=0.3))
    assert counted_seconds(plan, plan.scenarios[0]) == pytest.approx(12 * 0.022)


def test_closed_loop_names_the_rate_from_which_percentiles_are_printed() -> None:
    assert needs() == (
        "load: a percentile is printed from this many requests/s on: 3.79k for p99 and 37.9k for p99.9 "
        "(more --seconds lower them)"
    )


@pytest.mark.parametrize(
    ("rate_rps", "text"),
    [
        (50_000, ""),
        (10_000, "load: p99.9 needs --seconds 1.1 at 10.0k requests/s"),
        (
            1_000,
            "load: p99 needs --seconds 1.1 at 1.00k requests/s; p99.9 needs --seconds 11 at 1.00k requests/s",
        ),
    ],
)
def test_given_rate_names_the_seconds_of_percentiles_that_are_not_printed(rate_rps: int, text: str) -> None:
    assert needs(rate_rps=rate_rps) == text


def test_search_has_no_percentiles_to_print() -> None:
    assert needs(rate="highest") == ""

from typing import Any

import pytest

from bench.plan.definition import PlanError
from bench.plan.external_server import is_address
from bench.plan.validation import check, check_form
from servers.registry import Description
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios


def make_external(**values: Any) -> list[dict[str, Any]]:
    return [{"name": "x"} | values]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"models": ["select", "slect"]}, ["models", "'slect'", "did you mean 'select'", "asyncio"]),
        ({"models": ["select", "select"]}, ["models", "'select'", "listed twice"]),
        ({"reference": "asyncio"}, ["reference = 'asyncio'", "iterative, select"]),
        ({"control": "selekt"}, ["control = 'selekt'", "did you mean 'select'"]),
        ({"baseline": "select"}, ["baseline = 'select'", "'native'", "'none'"]),
        ({"slice_s": 0.01, "slice_warmup_s": 0.01}, ["slice_warmup_s = 0.01", "slice_s = 0.01"]),
        ({"models": ["iterative"], "transports": ["tcp"], "scenarios": make_scenarios(connections=[2])}, ["nothing"]),
        ({"scenarios": make_scenarios(message_bytes=[70000])}, ["'capacity'", "70000", "65507", "tcp"]),
        (
            {"scenarios": make_scenarios(protocol="hola", message_bytes=[64])},
            ["'capacity'", "message_bytes = [64]", "'hola'"],
        ),
        (
            {"scenarios": make_scenarios(rate="common", rate_rps=100.0)},
            ["'capacity'", "rate and rate_rps exclude each other"],
        ),
        ({"scenarios": make_scenarios() * 2}, ["scenarios", "'capacity'", "twice"]),
        ({"external_servers": make_external(target="127.0.0.1:99999")}, ["'x'", "'127.0.0.1:99999'", "65535"]),
        ({"external_servers": make_external()}, ["'x'", "either command or target", "neither"]),
        ({"external_servers": make_external(command=["x"], environment={"A=B": "1"})}, ["'x'", "'A=B'"]),
        ({"external_servers": make_external(command=["x\0"])}, ["'x'", "NUL"]),
        ({"external_servers": make_external(command=["x"]), "transports": ["udp"]}, ["'x'", "tcp", "udp"]),
        ({"thresholds": {"NO_SUCH_CODE": [1.0]}}, ["thresholds", "NO_SUCH_CODE"]),
    ],
)
def test_check_rejects_impossible_plan_in_one_line(changes: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        check(make_plan(**changes), MODELS)
    assert all(part in str(caught.value) for part in parts), caught.value
    assert str(caught.value).isprintable()


def test_check_rejects_more_connections_than_descriptors() -> None:
    plan = make_plan(models=["select", "epoll"], transports=["tcp"], scenarios=make_scenarios(connections=[300]))
    check(plan, MODELS, descriptor_limit=None)
    check(plan, MODELS, descriptor_limit=3 * 300 + 64)
    with pytest.raises(PlanError, match=r"connections = 300 needs 964 .* 3 arms .* 963; use at most 299 connections"):
        check(plan, MODELS, descriptor_limit=963)


def test_check_counts_one_arm_for_descriptors_of_a_search() -> None:
    search = make_scenarios(name="limit", rate="highest", connections=[300])
    plan = make_plan(models=["select", "epoll"], transports=["tcp"], scenarios=search)
    check(plan, MODELS, descriptor_limit=364)


def test_check_accepts_broken_model_next_to_a_working_one() -> None:
    broken = Description("mine", {}, "Mine.", broken="mine.py:3: invalid syntax")
    check(make_plan(models=["mine", "select"]), MODELS | {"mine": broken})
    with pytest.raises(PlanError, match=r"nothing in this plan can be measured.*mine\.py:3"):
        check(make_plan(models=["mine"]), MODELS | {"mine": broken})


def test_check_form_needs_no_models() -> None:
    check_form(make_plan(models=["no_such_model"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:80", True),
        ("[::1]:80", True),
        (":80", True),
        ("80", False),
        ("a:0", False),
        ("a:65536", False),
        ("::1:80", False),
        ("[::1:80", False),
        ("[]:80", True),
    ],
)
def test_is_address_needs_a_valid_port(text: str, expected: bool) -> None:
    assert is_address(text) is expected

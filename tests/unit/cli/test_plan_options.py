import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bench.cli.options import refuse_contradictions
from bench.cli.plan_options import build_plan
from bench.experiment.plan_programs import find_interpreters
from bench.plan.definition import PlanError
from bench.plan.matrix import control_model, reference_model
from bench.plan.toml import load_plan
from clients.cli_errors import Stop

TWO_RATES = """
name = "two"
models = ["select"]

[[scenarios]]
name = "latency"
connections = [4]
rate = "common"
seconds = 1.0

[[scenarios]]
name = "search"
connections = [4]
rate = "highest"
seconds = 2.0
"""


def test_plan_without_options_is_the_preset() -> None:
    assert build_plan("quick", {}).name == "quick"


def test_overrides_replace_values_of_plan_and_scenarios() -> None:
    plan = build_plan("quick", {"models": "select,asyncio", "connections": "1,64", "blocks": 3, "seconds": 0.5})
    assert plan.models == ("select", "asyncio")
    assert plan.blocks == 3
    assert {(scenario.connections, scenario.seconds) for scenario in plan.scenarios} == {((1, 64), 0.5)}


def test_first_model_replaces_reference_and_control_that_are_left_out() -> None:
    plan = build_plan("quick", {"models": "select,iterative"})
    assert (reference_model(plan), control_model(plan)) == ("select", "select")
    assert build_plan("quick", {"models": "select,iterative", "reference": "iterative"}).reference == "iterative"


def test_rate_replaces_only_rates() -> None:
    before = build_plan("standard", {})
    after = build_plan("standard", {"rate": "20000/s"})
    assert [scenario.loop for scenario in after.scenarios] == [scenario.loop for scenario in before.scenarios]
    assert after.scenarios != before.scenarios


def test_rate_leaves_searches_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(TWO_RATES)
    latency, search = build_plan(str(path), {"rate": "20000/s"}).scenarios
    assert (latency.rate, latency.rate_rps) == (None, 20_000)
    assert search.searches
    with pytest.raises(Stop, match="'latency' and 'search' of plan 'two' would measure the same load"):
        build_plan(str(path), {"rate": "highest"})


@pytest.mark.parametrize(
    ("rate", "question"),
    [
        ("20000/s", "What does a request cost, and how long does it take, at 20,000 requests per second?"),
        ("30%", "What does a request cost, and how long does it take, at 30% of each server's capacity?"),
        ("common", "What does a request cost, and how long does it take, at a rate that every server can sustain?"),
        ("highest", "What is the highest rate at which 99% of the requests are answered in time?"),
    ],
)
def test_rate_changes_the_question_of_its_scenario(rate: str, question: str) -> None:
    assert build_plan("standard", {"rate": rate}).scenario("latency").question == question


def test_rates_that_make_two_scenarios_the_same_are_refused() -> None:
    expected = "--rate 50%: scenarios 'latency' and 'latency_half' of plan 'thorough' would measure the same load"
    with pytest.raises(Stop, match=expected):
        build_plan("thorough", {"rate": "50%"})


def test_target_precision_removes_the_limit_of_blocks() -> None:
    assert build_plan("quick", {"target_precision": "3%"}).blocks == 1000


def test_server_is_added_for_its_transports() -> None:
    plan = build_plan("quick", {"server": ["x/udp=run {port}"], "target": "tcp://127.0.0.1:80"})
    assert [(server.name, server.transports) for server in plan.external_servers] == [
        ("x", ("udp",)),
        ("target", ("tcp",)),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_minutes": 20.0}, "add e.g. --target-precision 3%"),
        ({"minutes": 0.0}, "must be greater than 0"),
        ({"minutes": float("nan")}, "must be greater than 0"),
        ({"rate": "20000/s"}, "no scenario of plan 'quick' measures latency at a rate"),
        ({"protocol": "hola", "message_bytes": "64"}, "messages of hola have a fixed size"),
    ],
)
def test_option_that_would_have_no_effect_is_refused(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(Stop, match=expected):
        build_plan("quick", given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"target_precision", "blocks"}, "--target-precision and --blocks contradict each other"),
        ({"target_precision", "minutes"}, "limit it with --max-minutes"),
        ({"minutes", "blocks"}, "--minutes and --blocks contradict each other"),
        ({"minutes", "seconds"}, "--minutes and --seconds contradict each other"),
        ({"dry_run", "as_json"}, "--dry-run and --json contradict each other"),
        ({"resume", "models", "blocks"}, "remove --models, --blocks"),
        ({"resume", "plan_source"}, "remove the preset or plan file"),
        ({"resume", "output_dir"}, "remove --output-dir"),
    ],
)
def test_contradicting_options_are_refused(given: set[str], expected: str) -> None:
    with pytest.raises(Stop, match=expected):
        refuse_contradictions(given)


@pytest.mark.parametrize(
    "given", [{"resume", "as_json", "no_charts"}, {"target_precision", "max_minutes"}, {"minutes"}]
)
def test_compatible_options_are_accepted(given: set[str]) -> None:
    refuse_contradictions(given)


@pytest.fixture
def second_python(tmp_path: Path) -> str:
    """Return another path of the interpreter that runs the tests."""
    path = tmp_path / "second" / "python"
    path.parent.mkdir()
    path.symlink_to(Path(sys.executable).resolve())
    return str(path)


def test_two_interpreters_of_one_version_need_names(second_python: str) -> None:
    text = f"{sys.executable},{second_python}"
    with pytest.raises(
        Stop, match=r"are both 3\.\d+; to compare two of one version, name them in a plan file"
    ) as caught:
        build_plan("quick", {"python": text})
    assert caught.value.code == 2
    with pytest.raises(Stop, match="is listed twice"):
        build_plan("quick", {"python": f"{second_python},{second_python}"})


def test_two_named_interpreters_of_one_version_are_two_arms(second_python: str) -> None:
    plan = structs.replace(load_plan("quick"), pythons={"first": sys.executable, "second": second_python})
    found = find_interpreters(plan, lambda _: None)
    assert found.pythons == {"first": sys.executable, "second": second_python}
    alone = structs.replace(plan, pythons={"second": second_python})
    assert list(find_interpreters(alone, lambda _: None).pythons) == [f"{sys.version_info[0]}.{sys.version_info[1]}"]


def test_one_interpreter_with_two_names_is_refused(second_python: str) -> None:
    plan = structs.replace(load_plan("quick"), pythons={"first": second_python, "second": second_python})
    with pytest.raises(PlanError, match="'first' and 'second' are the same interpreter"):
        find_interpreters(plan, lambda _: None)

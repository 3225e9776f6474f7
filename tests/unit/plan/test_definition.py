from typing import Any

import msgspec
import pytest

from bench.experiment.runner import models
from bench.plan import toml
from bench.plan.definition import (
    Case,
    Plan,
    PlanError,
    arms,
    block_order,
    cases,
    check,
    loaded_s,
    round_order,
    rounds,
    skip_reason,
    takes_part,
)
from bench.schema.arms import Arm

KNOWN = models()


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "name": "test",
        "models": ["iterative", "select"],
        "scenarios": [{"name": "capacity", "connections": [64, 1], "seconds": 0.2}],
    }
    return msgspec.convert(values | changes, Plan)


def scenarios(**changes: Any) -> list[dict[str, Any]]:
    return [{"name": "capacity", "connections": [1], "seconds": 1.0} | changes]


def external(**values: Any) -> dict[str, Any]:
    return {"name": "x"} | values


@pytest.mark.parametrize("name", toml.preset_names())
def test_every_profile_can_be_measured_and_reads_back_as_it_was_written(name: str) -> None:
    profile = toml.load_plan(name)
    check(profile, KNOWN)
    assert profile.name == name
    assert toml.decode(toml.encode(profile), name) == profile


def test_standard_has_less_load_than_six_minutes_hold() -> None:
    assert 0.6 * 360 <= loaded_s(toml.load_plan("standard"), KNOWN) <= 0.9 * 360


def test_a_plan_has_every_model_over_every_transport_and_its_twin() -> None:
    found = arms(plan(transports=["tcp", "udp"], control="select"))
    assert [arm.name for arm in found] == [
        "iterative/tcp",
        "iterative/udp",
        "select/tcp",
        "select/udp",
        "select/tcp~control",
        "select/udp~control",
        "native/tcp",
        "native/udp",
    ]


def test_what_shows_the_limit_has_a_slice_in_every_third_round_and_is_no_competitor() -> None:
    one = plan(transports=["tcp"])
    limit = arms(one)[-1]
    assert [number for number in range(7) if takes_part(one, limit, number)] == [0, 3, 6]
    assert all(takes_part(one, arm, number) for arm in arms(one)[:-1] for number in range(7))
    chosen = plan(models=["native", "select"], transports=["tcp"])
    assert [arm.name for arm in arms(chosen)] == ["native/tcp", "select/tcp"]
    assert all(takes_part(chosen, arm, number) for arm in arms(chosen) for number in range(7))
    assert [arm.name for arm in arms(plan(baseline="", transports=["tcp"]))] == ["iterative/tcp", "select/tcp"]


def test_the_cases_come_with_the_fewest_connections_first() -> None:
    assert [case.connections for case in cases(plan())] == [1, 64]


def test_what_a_model_cannot_serve_is_skipped_with_the_reason() -> None:
    scenario = plan().scenarios[0]
    reason = skip_reason(plan(), Arm("iterative", "tcp"), Case(scenario, 64, 64), KNOWN)
    assert reason == "iterative serves 1 persistent TCP client at a time, by its nature"
    assert skip_reason(plan(), Arm("iterative", "tcp"), Case(scenario, 1, 64), KNOWN) == ""
    assert skip_reason(plan(), Arm("iterative", "udp"), Case(scenario, 64, 64), KNOWN) == ""


def test_what_each_worker_can_serve_is_added_up() -> None:
    scenario, arm = plan().scenarios[0], Arm("multiprocessing", "tcp")
    assert skip_reason(plan(), arm, Case(scenario, 2000, 64), KNOWN) == ""
    assert skip_reason(plan(workers=4), arm, Case(scenario, 4000, 64), KNOWN) == ""
    reason = skip_reason(plan(workers=4), arm, Case(scenario, 4001, 64), KNOWN)
    assert reason == "multiprocessing serves 4000 persistent TCP clients at a time with 4 workers, by its nature"


def test_the_iterative_server_is_not_skipped_where_clients_come_and_go() -> None:
    sessions = [{"name": "sessions", "connections": [16], "seconds": 0.2, "lifecycle": "session", "protocol": "hola"}]
    case = cases(plan(scenarios=sessions))[0]
    assert skip_reason(plan(), Arm("iterative", "tcp"), case, KNOWN) == ""


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    one, same, other = plan(seed=1), plan(seed=1), plan(seed=2)
    case = cases(one)[0]

    def orders(of: Plan) -> list[list[int]]:
        return [round_order(of, block, case, number, ["tcp", "udp"] * 4) for block in range(3) for number in range(5)]

    assert orders(one) == orders(same) != orders(other)
    assert all(sorted(order) == list(range(8)) for order in orders(one))
    assert len({tuple(order) for order in orders(one)}) > 10
    assert block_order(one, 0) == block_order(same, 0)


def test_a_round_takes_the_arms_of_one_transport_after_those_of_the_other() -> None:
    one, transports = plan(seed=1), ["tcp", "udp", "udp", "tcp", "udp"]
    orders = [round_order(one, 0, cases(one)[0], number, transports) for number in range(20)]
    sides = {"".join(transports[k][0] for k in order) for order in orders}
    assert sides == {"ttuuu", "uuutt"}


def test_seconds_become_rounds_of_slices() -> None:
    assert rounds(plan(slice_s=0.05), cases(plan())[0]) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": ["select", "slect"]}, ["'slect'", "select"]),
        ({"models": ["select", "select"]}, ["models", "'select'", "twice"]),
        ({"reference": "asyncio"}, ["reference", "'asyncio'", "iterative"]),
        ({"baseline": "select"}, ["baseline", "'select'", "'native'", "empty"]),
        ({"control": "nothing"}, ["'nothing'", "iterative"]),
        ({"slice_s": 0.01, "slice_warmup_s": 0.01}, ["slice_warmup_s", "0.01"]),
        ({"models": ["iterative"], "transports": ["tcp"], "scenarios": scenarios(connections=[2])}, ["nothing"]),
        ({"scenarios": scenarios(message_bytes=[70000])}, ["70000", "65507"]),
        ({"external_servers": [external(target="127.0.0.1:99999")]}, ["'x'", "'127.0.0.1:99999'", "65535"]),
        ({"external_servers": [external(command=["x"], folder="/nowhere")]}, ["'x'", "'/nowhere'", "not there"]),
        ({"external_servers": [external(command=["x"], environment={"A=B": "1"})]}, ["'x'", "'A=B'"]),
        ({"external_servers": [external(command=["x"])], "transports": ["udp"]}, ["'x'", "tcp", "udp", "no part"]),
    ],
)
def test_an_impossible_plan_is_refused_with_one_line(changes: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        check(plan(**changes), KNOWN)
    assert all(part in str(caught.value) for part in said), caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 3", ["mine.toml", "name = 3", "str"]),
        ("nam = 'x'", ["mine.toml", "`nam`", "models"]),
        ("name='x'\nmodels=['select']\nscenarios=[{nam='a'}]", ["`nam`", "connections"]),
        ("name='x'\nmodels=['select']\ntransports=['sctp']", ["transports = 'sctp'", "tcp, udp"]),
        ("name = [", ["mine.toml", "not TOML"]),
        ('"a\\nb" = 1', ["unknown field `a b`"]),
        ('name = "x\\n"', ["name", "regex"]),
        (
            "name='x'\nmodels=['select']\nthresholds={GENERATOR_SATURATED=[nan]}",
            ["GENERATOR_SATURATED = nan", "finite"],
        ),
        ("name='x'\nmodels=['select']\nscenarios=[{name='a', connections=[1], seconds=inf}]", ["seconds = inf"]),
        (
            "name='x'\nmodels=['select']\nscenarios=[{name='latency', connections=[1], seconds=1, rate='often'}]",
            ["rate = 'often'", "common", "highest", "requests a second"],
        ),
        ("name='x'\nmodels=['select']\nscenarios=[{name='a', connections=[0], seconds=1}]", [">= 1", "connections"]),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_its_name_and_the_key(text: str, said: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        toml.decode(text, "mine.toml")
    assert all(part in str(caught.value) for part in said), caught.value
    assert str(caught.value).isprintable()


def test_an_unknown_profile_is_told_which_there_are() -> None:
    with pytest.raises(PlanError, match=r"no profile 'fast'; there are: .*quick.*standard"):
        toml.load_plan("fast")
    with pytest.raises(PlanError, match=r"plan nowhere\.toml: No such file"):
        toml.load_plan("nowhere.toml")

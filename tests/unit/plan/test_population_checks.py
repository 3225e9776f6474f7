"""Keys of populations, phases and work that contradict each other: one clear line for each mistake."""

from typing import Any

import pytest

from bench.plan import toml
from bench.plan.definition import PlanError
from bench.plan.validation import check, check_form, refuse_keys_without_effect
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios
from tests.unit.plan.population_plans import make_overload, make_populations

SWEPT: dict[str, Any] = {"connections": [1]}
LIGHT: dict[str, Any] = {"name": "light", "connections": 4}
HEAVY: dict[str, Any] = {"name": "heavy", "connections": 2}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"wait_ms": 5}, ["wait_ms = 5.0 has no effect", "'echo'", "use protocol = 'work'"]),
        ({"compute_kind": "lock"}, ["compute_kind = 'lock' has no effect"]),
        ({"work_mix": [{"weight": 1}]}, ["work_mix has no effect with protocol = 'echo'"]),
        (
            {"protocol": "work", "wait_ms": 1, "work_mix": [{"weight": 1}]},
            ["work_mix and wait_ms exclude each other"],
        ),
        ({"protocol": "work", "wait_ms": 1000}, ["wait_ms = 1000 is not shorter", "timeout_s = 1", "shorter wait"]),
        ({"protocol": "work", "message_bytes": [10]}, ["message_bytes = 10 must be from 24 (the header) to 1048576"]),
        ({"protocol": "work", "message_bytes": [2 << 20]}, ["message_bytes = 2097152 must be from 24"]),
        ({"connections": [0, 1]}, ["connections = 0 must be at least 1"]),
        ({"connections": None}, ["the key `connections` is missing"]),
        ({"seconds": None}, ["the key `seconds` is missing"]),
    ],
)
def test_scenario_with_contradicting_work_is_refused(changes: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        check_form(make_plan(scenarios=make_scenarios(**changes)))
    assert all(part in str(caught.value) for part in ["scenario 'capacity': ", *parts]), caught.value


@pytest.mark.parametrize(
    ("populations", "scenario", "parts"),
    [
        ([LIGHT, LIGHT], {}, ["populations: 'light' is listed twice"]),
        ([LIGHT, HEAVY], SWEPT, ["connections = [1] has no effect, because every population has a number of its own"]),
        ([{}, LIGHT], {}, ["the key `connections` is missing"]),
        ([{}], {"connections": [0]}, ["connections = 0 must be at least 1; 0 is allowed beside a population"]),
        ([LIGHT | {"rate_rps": 5, "rate_share": 1}], {}, ["rate_share and rate_rps exclude each other"]),
        ([LIGHT | {"rate_share": 1}], {}, ["rate_share is a share of the scenario's rate, but the scenario has none"]),
        ([LIGHT], {"rate": "common"}, ["rate = 'common' is the rate of several populations", "rate_share"]),
        (
            [LIGHT | {"rate_share": 0.5}, HEAVY | {"rate_share": 0.4}],
            {"rate_rps": 100.0},
            ["rate_share of all populations must add up to 1; they add up to 0.9"],
        ),
        ([LIGHT | {"rate_rps": 5}], {"rate": "highest"}, ["rate = 'highest' searches with one kind of client"]),
        (
            [LIGHT | {"behaviour": "silent", "rate_rps": 10}],
            {},
            ["population 'light'", "rate_rps = 10.0 has no effect with behaviour = 'silent'", "remove rate_rps"],
        ),
        ([LIGHT | {"behaviour": "silent", "depth": 2}], {}, ["depth = 2 has no effect with behaviour = 'silent'"]),
        ([LIGHT | {"behaviour": "never_reads", "rate_rps": 10}], {}, ["rate_rps = 10.0 contradicts behaviour"]),
        ([LIGHT | {"trickle_s": 1}], {}, ["trickle_s = 1 has no effect with behaviour = 'normal'"]),
        ([LIGHT | {"arrivals": "burst"}], {}, ["arrivals = 'burst' has no effect in a closed loop"]),
        ([LIGHT | {"requests_per_session": 3}], {}, ["requests_per_session = 3 has no effect without lifecycle"]),
        ([LIGHT | {"wait_ms": 400, "timeout_s": 0.3}], {}, ["population 'light': wait_ms = 400 is not shorter"]),
        ([LIGHT | {"wait_ms": 1}], {"protocol": "echo"}, ["population 'light': wait_ms = 1.0 has no effect"]),
        ([LIGHT | {"message_bytes": 9}], {}, ["message_bytes = 9 must be from 24"]),
        ([LIGHT | {"message_bytes": 9}], {"protocol": "hola"}, ["population 'light': message_bytes = 9 has no effect"]),
    ],
)
def test_contradicting_populations_are_refused_in_one_line(
    populations: list[dict[str, Any]], scenario: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(PlanError) as caught:
        check_form(make_populations(*populations, **scenario))
    assert all(part in str(caught.value) for part in ["scenario 'mixed': ", *parts]), caught.value
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("phases", "parts"),
    [
        ([{"name": "a", "rate_rps": {"lihgt": 5}}], ["phase 'a': 'lihgt' is not a population; did you mean 'light'?"]),
        ([{"name": "a", "off": ["light"], "rate_rps": {"light": 5}}], ["phase 'a': 'light' is named twice"]),
        ([{"name": "a"}, {"name": "a"}], ["phases: 'a' is listed twice"]),
        (
            [{"name": "a", "rate_rps": {"light": 5}}, {"name": "b"}],
            ["population 'light' has a rate in phase 'a' and none in phase 'b'", "switch it off there"],
        ),
        ([{"name": "a", "rate_rps": {"quiet": 5}}], ["phase 'a': population 'quiet' has behaviour = 'silent'"]),
    ],
)
def test_contradicting_phases_are_refused_in_one_line(phases: list[dict[str, Any]], parts: list[str]) -> None:
    quiet = {"name": "quiet", "connections": 1, "behaviour": "silent"}
    with pytest.raises(PlanError) as caught:
        check_form(make_populations(LIGHT, quiet, phases=[{"seconds": 1.0} | phase for phase in phases]))
    assert all(part in str(caught.value) for part in parts), caught.value


def test_phases_need_populations_and_no_other_length_or_rate() -> None:
    phases = [{"name": "a", "seconds": 1.0}]
    with pytest.raises(PlanError, match=r"phases change populations, but there are none"):
        check_form(make_plan(scenarios=make_scenarios(seconds=None, phases=phases)))
    with pytest.raises(PlanError, match=r"seconds = 2 has no effect, because each phase has a length"):
        check_form(make_populations(LIGHT, phases=phases, seconds=2.0))
    with pytest.raises(PlanError, match=r"phases have rates of their own; remove rate = 'common'"):
        check_form(make_populations(LIGHT | {"rate_share": 1.0}, phases=phases, rate="common"))


def test_sound_populations_and_phases_are_accepted() -> None:
    silent = {"name": "idle", "behaviour": "silent"}
    for plan in (
        make_populations(LIGHT | {"rate_rps": 100}, silent, connections=[0, 100]),
        make_populations(LIGHT | {"rate_share": 0.9}, HEAVY | {"rate_share": 0.1, "wait_ms": 5}, rate="common"),
        make_overload(0.5, 1.5, 0.5, retries=3, timeout_s=0.2),
    ):
        check(plan, MODELS)
        refuse_keys_without_effect(plan)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[[scenarios.populations]]\nnme='x'", ["scenario 'a': population number 1: unknown key `nme`", "`name`"]),
        ("[[scenarios.populations]]\nname='x'\nblocks=3", ["population 'x': `blocks` belongs at the top of the plan"]),
        ("behaviour='silent'", ["scenario 'a': `behaviour` belongs in a [[scenarios.populations]] table"]),
        ("off=['x']", ["scenario 'a': `off` belongs in a [[scenarios.phases]] table"]),
        ("[scenarios.populations]\nname='x'", ["write [[scenarios.populations]], because a scenario may have several"]),
        (
            "[[scenarios.populations]]\nname='x'\nbehaviour='mute'",
            ["behaviour = 'mute'", "silent, trickle, never_reads"],
        ),
        ("[[scenarios.populations]]\nname='x'\nconnections=0", ["connections = 0", "at least 1"]),
        ("[[scenarios.populations]]\nname='x'\n[[scenarios.phases]]\nname='y'", ["phase 'y': the key `seconds`"]),
        ("work_mix=[{wait_ms=5}]", ["scenario 'a': kind of work number 1: the key `weight` is missing"]),
        ("wait_ms=70000", ["wait_ms = 70000", "at most 60000"]),
        ("[[scenarios.phases]]\nname='y'\nseconds=1\nrate_rps={x=-1}", ["phase 'y'", "above 0"]),
    ],
)
def test_wrong_key_of_a_nested_table_is_named_with_its_tables(text: str, parts: list[str]) -> None:
    head = "name='x'\nmodels=['select']\n[[scenarios]]\nname='a'\nconnections=[1]\nseconds=1\n"
    with pytest.raises(PlanError) as caught:
        toml.decode(head + text, "mine.toml")
    assert all(part in str(caught.value) for part in ["plan mine.toml: ", *parts]), caught.value

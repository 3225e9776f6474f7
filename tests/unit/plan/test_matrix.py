from bench.plan.matrix import (
    arms,
    baseline_arms,
    competing_arms,
    control_model,
    load_points,
    reference_arms,
    skip_reason,
)
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from servers.registry import Description
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios


def make_point(connections: int) -> LoadPoint:
    return LoadPoint("capacity", connections, 64)


def test_arms_are_models_controls_and_baselines_by_transport() -> None:
    plan = make_plan(transports=["tcp", "udp"], control="select")
    assert [arm.name for arm in arms(plan)] == [
        "iterative/tcp",
        "iterative/udp",
        "select/tcp",
        "select/udp",
        "select/tcp~control",
        "select/udp~control",
        "native/tcp",
        "native/udp",
    ]
    assert [arm.name for arm in competing_arms(plan)] == [
        "iterative/tcp",
        "iterative/udp",
        "select/tcp",
        "select/udp",
    ]


def test_control_defaults_to_reference_and_none_disables_it() -> None:
    assert control_model(make_plan(control="")) == "iterative"
    assert control_model(make_plan(control="", reference="select")) == "select"
    assert control_model(make_plan(control="none")) == ""
    assert [arm.name for arm in arms(make_plan(control="", baseline="none", transports=["tcp"]))] == [
        "iterative/tcp",
        "select/tcp",
        "iterative/tcp~control",
    ]


def test_baseline_that_competes_or_is_none_has_no_baseline_arms() -> None:
    competing = make_plan(models=["native", "select"], transports=["tcp"])
    assert [arm.name for arm in arms(competing)] == ["native/tcp", "select/tcp"]
    assert baseline_arms(competing) == []
    assert baseline_arms(make_plan(baseline="none")) == []


def test_reference_arm_defaults_to_first_model() -> None:
    assert reference_arms(make_plan(transports=["tcp"])) == {"tcp": "iterative/tcp"}
    assert reference_arms(make_plan(reference="select")) == {"tcp": "select/tcp", "udp": "select/udp"}


def test_load_points_are_ascending_and_without_searches() -> None:
    search = make_scenarios(name="limit", rate="highest")
    plan = make_plan(scenarios=[*make_scenarios(connections=[64, 1], message_bytes=[1024, 64]), *search])
    assert [(point.connections, point.message_bytes) for point in load_points(plan)] == [
        (1, 64),
        (1, 1024),
        (64, 64),
        (64, 1024),
    ]


def test_skip_reason_names_client_limit_of_model() -> None:
    reason = skip_reason(make_plan(), Arm("iterative", "tcp"), make_point(64), MODELS)
    assert reason == "iterative is designed for 1 persistent TCP client at a time"
    assert skip_reason(make_plan(), Arm("iterative", "tcp"), make_point(1), MODELS) == ""
    assert skip_reason(make_plan(), Arm("iterative", "udp"), make_point(64), MODELS) == ""


def test_skip_reason_multiplies_client_limit_by_workers() -> None:
    arm = Arm("multiprocessing", "tcp")
    assert skip_reason(make_plan(), arm, make_point(2000), MODELS) == ""
    assert skip_reason(make_plan(workers=4), arm, make_point(4000), MODELS) == ""
    reason = skip_reason(make_plan(workers=4), arm, make_point(4001), MODELS)
    assert reason == "multiprocessing is designed for 4000 persistent TCP clients at a time with 4 workers"


def test_skip_reason_ignores_client_limit_for_sessions() -> None:
    plan = make_plan(scenarios=make_scenarios(connections=[16], lifecycle="session", protocol="hola"))
    assert skip_reason(plan, Arm("iterative", "tcp"), load_points(plan)[0], MODELS) == ""


def test_skip_reason_of_broken_model_affects_no_other_arm() -> None:
    broken = Description("mine", {}, "Mine.", broken="mine.py:3: invalid syntax")
    plan, models = make_plan(models=["mine", "select"]), MODELS | {"mine": broken}
    assert skip_reason(plan, Arm("mine", "tcp"), make_point(1), models) == "mine is broken: mine.py:3: invalid syntax"
    assert skip_reason(plan, Arm("select", "tcp"), make_point(1), models) == ""


def test_backlog_skips_servers_that_have_their_own() -> None:
    scenarios = make_scenarios(backlog=5)
    models = ["select", "socketserver_threading"]
    plan = make_plan(models=models, transports=["tcp"], scenarios=scenarios)
    reasons = {arm.model: skip_reason(plan, arm, make_point(1), MODELS) for arm in arms(plan)}
    assert reasons == {
        "select": "",
        "socketserver_threading": "socketserver_threading keeps the backlog of its library, 5",
        "native": "native serves the whole run with one backlog",
    }


def test_baseline_that_competes_gets_the_backlog() -> None:
    plan = make_plan(models=["native"], transports=["tcp"], scenarios=make_scenarios(backlog=5))
    assert skip_reason(plan, Arm("native", "tcp"), make_point(1), MODELS) == ""

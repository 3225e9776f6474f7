from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.cli.same_programs import find_same_programs
from bench.plan.external_server import ExternalServer
from bench.plan.toml import load_plan
from bench.store.reader import RunData
from clients.quality_catalogue import DEFAULT_THRESHOLDS

MODELS = {"iterative", "thread_per_client", "select", "asyncio", "multiprocessing"}
SERVER = ExternalServer(name="mine", command=("mine", "{port}"))
ENVIRONMENT = {"holabench": {"version": "0.1.0", "revision": "5dd09560139c"}, "machine": {"python": "CPython 3.11.7"}}


def make_run(environment: Mapping[str, Any] = ENVIRONMENT, **plan: Any) -> RunData:
    """Return a run of the preset quick beside an external server. plan: other values of its plan."""
    changed = msgspec.structs.replace(load_plan("quick"), **({"external_servers": (SERVER,)} | plan))
    return RunData(Path("run"), environment, changed, DEFAULT_THRESHOLDS)


def make_environment(**holabench: Any) -> dict[str, Any]:
    """Return an environment with other facts about holabench."""
    return ENVIRONMENT | {"holabench": ENVIRONMENT["holabench"] | holabench}


def test_models_of_the_same_holabench_are_the_same_program() -> None:
    assert find_same_programs(make_run(), make_run()) == MODELS


@pytest.mark.parametrize(
    "environment",
    [
        make_environment(version="0.2.0"),
        make_environment(revision="0123456789ab"),
        ENVIRONMENT | {"machine": {"python": "CPython 3.12.1"}},
        {},
    ],
)
def test_models_of_another_holabench_or_interpreter_may_differ(environment: dict[str, Any]) -> None:
    assert find_same_programs(make_run(), make_run(environment)) == set()


def test_models_of_a_changed_checkout_may_differ() -> None:
    changed = make_environment(revision="5dd09560139c-dirty")
    assert find_same_programs(make_run(changed), make_run(changed)) == set()


def test_models_are_the_subject_where_there_is_no_other_server() -> None:
    assert find_same_programs(make_run(external_servers=()), make_run(external_servers=())) == set()
    assert find_same_programs(make_run(external_servers=()), make_run()) == set()


def test_model_that_is_asked_about_is_not_left_out() -> None:
    run = make_run(external_servers=())
    assert find_same_programs(run, run, ["select/tcp"]) == MODELS - {"select"}


def test_models_of_libraries_and_of_the_user_may_differ() -> None:
    run = make_run(models=("asyncio", "select", "uvloop", "of_the_user"))
    assert find_same_programs(run, run) == {"asyncio", "select"}

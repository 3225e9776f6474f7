"""Recorded load points of plans, and servers that fail while they are recorded."""

from typing import Any

import pytest

from bench.experiment.child_process import ServerError
from bench.experiment.replay import MAX_ROWS, record_rows, replay_arms, replay_load
from bench.plan.scenario import Scenario
from bench.plan.schedule import Schedule, resolve
from tests.unit.plan.plans import MODELS, make_plan


def schedule_of(*scenarios: Scenario, **plan: Any) -> Schedule:
    made = make_plan(seed=1, scenarios=scenarios, **plan)
    return resolve(made, MODELS, server_cpus=(1,), generator_cpus=(0,))


@pytest.mark.parametrize(
    ("connections", "recorded"), [((1, 16, 64), 16), ((1, 4), 4), ((2, 10, 30), 10), ((1,), None), ((64,), None)]
)
def test_recorded_load_has_about_sixteen_connections(connections: tuple[int, ...], recorded: int | None) -> None:
    load = replay_load(schedule_of(Scenario(name="capacity", connections=connections, seconds=0.1)))
    assert (load.point.connections if load else None) == recorded


def test_sessions_open_loops_and_udp_are_not_recorded() -> None:
    sessions = Scenario(name="sessions", protocol="hola", lifecycle="session", connections=(16,), seconds=0.1)
    latency = Scenario(name="latency", rate="common", connections=(16,), seconds=0.1)
    assert replay_load(schedule_of(sessions, latency)) is None
    closed = Scenario(name="capacity", connections=(16,), seconds=0.1)
    assert replay_load(schedule_of(closed, transports=("udp",))) is None
    load = replay_load(schedule_of(sessions, latency, closed))
    assert load is not None
    assert load.point.scenario == "capacity"


def test_control_and_baseline_are_not_recorded() -> None:
    schedule = schedule_of(Scenario(name="capacity", connections=(16,), seconds=0.1))
    names = [arm.name for arm in replay_arms(schedule)]
    assert names
    assert not [name for name in names if "~control" in name or "native" in name or "udp" in name]


class FakeGenerator:
    """A generator whose server fails at one step."""

    def __init__(self, failing: str) -> None:
        self.failing = failing
        self.settings: dict[str, Any] = {}
        self.abandoned = 0

    def _step(self, name: str) -> None:
        if name == self.failing:
            raise ServerError("refused")

    def open(self, _: str, settings: dict[str, Any]) -> int:
        self.settings = settings
        self._step("open")
        return 16

    def slice(self, *_: object) -> dict[str, Any]:
        self._step("slice")
        return {}

    def raw_rows(self, _: str) -> list[list[int]]:
        return [[0, 0, number] for number in range(100)]

    def abandon(self, _: str) -> None:
        self.abandoned += 1


@pytest.mark.parametrize(("failing", "rows", "abandoned"), [("", 10, 1), ("open", 0, 0), ("slice", 0, 1)])
def test_failing_server_has_no_rows_and_leaves_no_load_open(failing: str, rows: int, abandoned: int) -> None:
    generator = FakeGenerator(failing)
    assert len(record_rows(generator, {"port": 1}, 10)) == rows  # type: ignore[arg-type]  # a fake
    assert generator.abandoned == abandoned
    assert generator.settings["raw_rows"] == 12


def test_rows_of_a_run_are_bounded() -> None:
    assert MAX_ROWS <= 30_000

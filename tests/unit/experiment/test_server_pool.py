"""Servers that start together: a failure of one is not one of the others."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from bench.experiment import server_pool
from bench.experiment.model_catalogue import known_models
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.server_pool import fresh_servers
from bench.plan.schedule import resolve
from servers import models
from tests.support.processes import have_exited
from tests.support.waiting import wait_until
from tests.unit.plan.plans import make_plan

SERVE = "\n\ndef serve_tcp(sock):\n    while True:\n        sock.accept()\n"
MODEL_SOURCES = {
    "sound": '"""Accepts."""\nimport socket',
    "broken": '"""Fails when it starts."""\nimport sys\nsys.exit("no luck")',
    "silent": '"""Never gets ready."""\nimport time\n\n\ndef prepare():\n    time.sleep(600)',
}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunContext]:
    """A run of three models, whose generator agrees with every server."""
    for name, source in MODEL_SOURCES.items():
        (tmp_path / f"{name}.py").write_text(source + SERVE)
    monkeypatch.setenv("HOLABENCH_MODELS", str(tmp_path))
    importlib.reload(models)
    plan = make_plan(models=list(MODEL_SOURCES), transports=["tcp"], baseline="none", seed=1)
    schedule = resolve(plan, known_models(plan), server_cpus=(0,), generator_cpus=(0,))
    generator = Mock()
    generator.verify.return_value = "127.0.0.1"
    yield RunContext(schedule, generator, Mock(), Mock())
    monkeypatch.undo()
    importlib.reload(models)


def by_model(servers: Servers) -> dict[str, Server | str]:
    return {arm.model: server for arm, server in servers.items()}


def live_children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_servers_that_fail_to_start_do_not_keep_others_from_starting(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_pool, "READY_S", 5.0)
    before = live_children()
    with fresh_servers(context, context.schedule.scenarios[0], context.schedule.fresh_arms) as servers:
        found = by_model(servers)
        assert isinstance(found["sound"], Server)
        assert found["sound"].ready["host"] == "127.0.0.1"
        assert "during start-up; last stderr lines: no luck" in str(found["broken"])
        assert str(found["silent"]).startswith("no output from server silent/tcp for 5 s")
        started = [child for child in live_children() if child not in before]
        assert started
    assert have_exited(started)


def test_interrupt_during_the_start_leaves_no_server(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[psutil.Process] = []
    before = live_children()

    def interrupt(*_: object) -> None:
        started.extend(child for child in live_children() if child not in before)
        raise KeyboardInterrupt

    monkeypatch.setattr(server_pool, "_await_ready", interrupt)
    scenario, arms = context.schedule.scenarios[0], context.schedule.fresh_arms
    with pytest.raises(KeyboardInterrupt), fresh_servers(context, scenario, arms):
        pytest.fail("the servers were not awaited")
    assert len(started) >= len(MODEL_SOURCES) - 1  # the broken one may have exited already
    wait_until(lambda: have_exited(started), "all servers end")

from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from bench.experiment.external_probe import Conversation, decide, failed_conversations, warn_about_unserved
from bench.experiment.model_catalogue import known_models
from bench.plan.definition import Plan
from bench.plan.schedule import resolve
from bench.plan.toml import build

WORK_IS_NOT_STATED = "mine is not asked for work, because its `protocols` do not list it"


def make_plan(connections: int = 16, asked: tuple[str, ...] = ("echo", "hola"), **server: Any) -> Plan:
    """Return a plan with one external server. server: its keys besides name and command."""
    scenarios = [
        {"name": protocol, "protocol": protocol, "connections": [connections], "seconds": 0.1} for protocol in asked
    ]
    external = {"name": "mine", "command": ["{python}", "{port}"], **server}
    return build({"name": "x", "models": ["select"], "scenarios": scenarios, "external_servers": [external]}, "")


def test_protocol_that_is_not_served_is_skipped_with_reason() -> None:
    plan = make_plan(connections=1)
    conversations = [
        Conversation("mine", "tcp", "echo"),
        Conversation("mine", "tcp", "hola", failure="answered b'hola'"),
    ]
    server, messages = decide(plan, plan.external_servers[0], conversations)
    assert server.protocols == ("echo",)
    assert messages == ["skipping the hola scenarios for mine: answered b'hola'"]


def test_protocol_served_over_one_transport_is_not_skipped() -> None:
    plan = make_plan()
    conversations = [Conversation("mine", "tcp", "echo", failure="no reply"), Conversation("mine", "tcp", "echo")]
    server, messages = decide(plan, plan.external_servers[0], conversations)
    assert server.protocols == ("echo",)
    assert messages == []


def test_server_of_one_client_gets_a_client_limit() -> None:
    plan = make_plan()
    conversations = [
        Conversation("mine", "tcp", "echo", limit="served only 1 of 2"),
        Conversation("mine", "tcp", "hola"),
    ]
    server, messages = decide(plan, plan.external_servers[0], conversations)
    assert (server.protocols, server.clients) == (("echo", "hola"), 1)
    assert messages == ["skipping several concurrent TCP clients for mine: served only 1 of 2"]


def test_protocol_that_is_skipped_is_no_failure() -> None:
    conversations = [Conversation("mine", "tcp", "echo"), Conversation("mine", "tcp", "hola", failure="no reply")]
    undecided = make_plan().external_servers[0]
    assert failed_conversations(undecided, conversations) == conversations[1:]
    assert failed_conversations(msgspec.structs.replace(undecided, protocols=("echo",)), conversations) == []


def test_failure_over_a_stated_protocol_is_kept() -> None:
    plan = make_plan(protocols=["echo", "hola"])
    conversations = [Conversation("mine", "tcp", "echo"), Conversation("mine", "tcp", "hola", failure="no reply")]
    server, messages = decide(plan, plan.external_servers[0], conversations)
    assert failed_conversations(server, conversations) == conversations[1:]
    assert messages == []


def test_stated_protocols_and_clients_are_kept() -> None:
    plan = make_plan(clients=0)
    conversations = [
        Conversation("mine", "tcp", "echo", limit="served only 1 of 2"),
        Conversation("mine", "tcp", "hola"),
    ]
    server, _ = decide(plan, plan.external_servers[0], conversations)
    assert server.clients == 0


def test_server_that_serves_nothing_stays_as_it_is() -> None:
    plan = make_plan()
    conversations = [Conversation("mine", "tcp", protocol, failure="exited") for protocol in ("echo", "hola")]
    assert decide(plan, plan.external_servers[0], conversations) == (plan.external_servers[0], [])


@pytest.mark.parametrize(("connections", "warnings"), [(16, 1), (1, 0)])
def test_warning_lists_server_that_is_skipped_everywhere(connections: int, warnings: int) -> None:
    plan = msgspec.structs.replace(make_plan(connections, ("echo",), clients=1), seed=1)
    observer = Mock()
    warn_about_unserved(resolve(plan, known_models(plan), server_cpus=[1], generator_cpus=[0]), observer)
    lines = [call.args[0] for call in observer.on_warning.call_args_list]
    assert len(lines) == warnings
    assert all(line.startswith("mine/tcp is skipped at every load point: ") for line in lines)
    assert all(line.endswith("; to measure it, use --connections 1") for line in lines)


@pytest.mark.parametrize(("server", "reasons"), [({}, {WORK_IS_NOT_STATED}), ({"protocols": ["work"]}, {""})])
def test_server_is_measured_with_work_only_if_the_plan_states_it(server: dict[str, Any], reasons: set[str]) -> None:
    plan = msgspec.structs.replace(make_plan(asked=("work",), **server), seed=1)
    schedule = resolve(plan, known_models(plan), server_cpus=[1], generator_cpus=[0])
    (load,) = schedule.scenarios[0].loads
    assert {reason for arm, reason in load.skip_reasons.items() if arm.model == "mine"} == reasons


def test_warning_states_how_to_measure_a_server_of_one_protocol() -> None:
    plan = msgspec.structs.replace(make_plan(16, ("hola",), protocols=["echo"]), seed=1)
    observer = Mock()
    warn_about_unserved(resolve(plan, known_models(plan), server_cpus=[1], generator_cpus=[0]), observer)
    (call,) = observer.on_warning.call_args_list
    assert call.args[0].endswith("mine speaks echo, not hola; to measure it, use --protocol echo")

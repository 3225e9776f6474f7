"""Find whether the external servers of a plan work, and what they can serve as far as the plan does not state it.

Many external servers only echo, or serve one client at a time, and most presets ask for more. A conversation before the
first block takes at most a second or two. Failures in every block would take much longer: a server that does not
listen is waited for. So a server that failed here is not started again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bench.experiment.child_process import ServerError
from bench.experiment.observer import RunObserver
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, load_settings
from bench.experiment.server_pool import fresh_servers, has_ended
from bench.plan.definition import Plan, PlanError
from bench.plan.external_server import ExternalServer
from bench.plan.matrix import connection_counts
from bench.plan.schedule import Schedule, ScheduledLoad
from servers.run_command import CANNOT_START

_REMEDIES = {  # by words of the reason for which a server is skipped
    " client at a time": "--connections 1",
    " speaks echo, not ": "--protocol echo",
    " speaks hola, not ": "--protocol hola",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The result of a conversation with an external server."""

    model: str
    transport: str
    protocol: str
    failure: str = ""  # why it does not serve one client; empty if it does
    limit: str = ""  # why it does not serve two TCP clients at the same time; empty if it does, or was not asked


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The plan as its external servers can serve it, and those that cannot be measured."""

    plan: Plan
    failures: Mapping[tuple[str, str, str], str]  # (model, transport, protocol) -> reason


def probe_external_servers(context: RunContext, plan: Plan, *, may_refuse: bool = True) -> ProbeResult:
    """Have a conversation with each external server over each protocol. Reports what will be skipped or will fail.

    Raises PlanError if the kernel refuses to start a command: nothing is measured yet, and the user can correct it.
    In a run that is resumed, such a server has failed (may_refuse is False).
    """
    conversations = list(_conversations(context))
    for conversation in conversations:
        if may_refuse and conversation.failure.startswith(CANNOT_START):
            raise PlanError(f"external server {conversation.model!r}: {conversation.failure}")
    servers, failures = [], {}
    for server in plan.external_servers:
        with_model = [conversation for conversation in conversations if conversation.model == server.name]
        decided, messages = decide(plan, server, with_model)
        servers.append(decided)
        for message in messages:
            context.observer.on_message(message)
        for failed in failed_conversations(decided, with_model):
            failures[failed.model, failed.transport, failed.protocol] = failed.failure
            context.observer.on_warning(
                f"{failed.model}/{failed.transport} will not be measured with {failed.protocol}: {failed.failure}"
            )
    return ProbeResult(msgspec.structs.replace(plan, external_servers=tuple(servers)), failures)


def failed_conversations(server: ExternalServer, conversations: Sequence[Conversation]) -> list[Conversation]:
    """Return the failed conversations over protocols that the server should speak. server: as it was decided."""
    return [
        conversation
        for conversation in conversations
        if conversation.failure and (server.protocols is None or conversation.protocol in server.protocols)
    ]


def warn_about_unserved(schedule: Schedule, observer: RunObserver) -> None:
    """Report each arm of an external server that is skipped at every load point."""
    for arm in schedule.fresh_arms:
        if arm.model in schedule.external_servers and not any(scenario.serves(arm) for scenario in schedule.scenarios):
            reasons = {load.skip_reasons[arm] for scenario in schedule.scenarios for load in scenario.loads}
            remedies = [remedy for words, remedy in _REMEDIES.items() if any(words in reason for reason in reasons)]
            remedy = f"; to measure it, use {' and '.join(remedies)}" if remedies else ""
            observer.on_warning(
                f"{arm.display_name} is skipped at every load point: {'; '.join(sorted(reasons))}{remedy}"
            )


def decide(
    plan: Plan, server: ExternalServer, conversations: Sequence[Conversation]
) -> tuple[ExternalServer, list[str]]:
    """Return an external server as its conversations showed it, and a line for everything that will be skipped.

    A server that served no conversation is returned as it is: it has failed in every scenario, with its reason.
    """
    served = {conversation.protocol for conversation in conversations if not conversation.failure}
    if not served:
        return server, []
    changes: dict[str, object] = {}
    messages = []
    if _asks_protocols(plan, server):
        changes["protocols"] = tuple(sorted(served))
        failures = {conversation.protocol: conversation.failure for conversation in conversations}
        messages += [
            f"skipping the {protocol} scenarios for {server.name}: {failure}"
            for protocol, failure in failures.items()
            if protocol not in served
        ]
    limit = next((conversation.limit for conversation in conversations if conversation.limit), "")
    if _asks_clients(plan, server) and limit:
        changes["clients"] = 1
        messages.append(f"skipping several concurrent TCP clients for {server.name}: {limit}")
    return msgspec.structs.replace(server, **changes), messages


def _asks_protocols(plan: Plan, server: ExternalServer) -> bool:
    """Return whether the protocols of a server are unknown, and the plan has more than one."""
    return server.protocols is None and len({scenario.protocol for scenario in plan.scenarios}) > 1


def _asks_clients(plan: Plan, server: ExternalServer) -> bool:
    """Return whether the client limit of a server is unknown, and the plan has several persistent TCP clients."""
    persistent = [scenario for scenario in plan.scenarios if scenario.lifecycle == "persistent"]
    several = any(max(connection_counts(scenario)) > 1 or scenario.populations for scenario in persistent)
    return server.clients is None and several and "tcp" in plan.transports and "tcp" in server.transports


def _conversations(context: RunContext) -> Iterator[Conversation]:
    """Start the external servers for each protocol, and have a conversation with each."""
    schedule = context.schedule
    asked = {server.name: server for server in schedule.plan.external_servers}
    arms = [arm for arm in schedule.fresh_arms if arm.model in asked and not arm.control]
    for protocol, scenario in schedule.protocol_scenarios.items():
        with fresh_servers(context, scenario, arms) as servers:
            for arm, server in servers.items():
                if isinstance(server, str):
                    yield Conversation(arm.model, arm.transport, protocol, failure=server)
                    continue
                asks = arm.transport == "tcp" and _asks_clients(schedule.plan, asked[arm.model])
                limit = _client_limit(context, server, scenario.loads[0]) if asks else ""
                failure = ""
                if limit and has_ended(server.child):
                    failure, limit = f"server {server.child.exit_text}; {server.child.stderr_report}", ""
                yield Conversation(arm.model, arm.transport, protocol, failure, limit)


def _client_limit(context: RunContext, server: Server, load: ScheduledLoad) -> str:
    """Return why a server does not serve two clients at the same time, or ""."""
    try:
        timeout_s, spin = context.schedule.plan.timeout_s, context.schedule.cpus_disjoint
        context.generator.verify(load_settings(load, server, timeout_s, spin=spin), concurrent_clients=2)
    except ServerError as error:
        return str(error)
    return ""

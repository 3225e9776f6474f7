"""Find the protocols of the external servers of a plan that does not list them.

An echo server next to the models is common, and most presets also have scenarios of hola. A conversation before the
first block takes at most a second or two; failures in every block would take much longer, and would look like errors.
"""

from collections.abc import Mapping

import msgspec

from bench.experiment.run_context import RunContext
from bench.experiment.server_pool import fresh_servers
from bench.plan.definition import Plan
from bench.plan.external_server import ExternalServer


def needs_probe(plan: Plan) -> bool:
    """Return whether the answer decides anything: a plan with one protocol has no scenario to skip."""
    protocols = {scenario.protocol for scenario in plan.scenarios}
    return len(protocols) > 1 and any(server.protocols is None for server in plan.external_servers)


def probe_protocols(context: RunContext, plan: Plan) -> Plan:
    """Return the plan with the protocols that each external server speaks.

    A server that speaks none of the plan's protocols keeps all of them: it fails in every scenario, with its reason.
    """
    failures = {protocol: _failures(context, protocol) for protocol in context.schedule.protocol_scenarios}
    servers = [
        server if server.protocols is not None else _with_protocols(context, server, failures)
        for server in plan.external_servers
    ]
    return msgspec.structs.replace(plan, external_servers=tuple(servers))


def _failures(context: RunContext, protocol: str) -> dict[str, str]:
    """Return why each external server does not serve a protocol, by name; "" if it does over any transport."""
    schedule = context.schedule
    unknown = [server.name for server in schedule.plan.external_servers if server.protocols is None]
    arms = [arm for arm in schedule.fresh_arms if arm.model in unknown and not arm.control]
    failures: dict[str, str] = {}
    with fresh_servers(context, schedule.protocol_scenarios[protocol], arms) as servers:
        for arm, server in servers.items():
            reason = server if isinstance(server, str) else ""
            failures[arm.model] = "" if failures.get(arm.model) == "" else reason
    return failures


def _with_protocols(
    context: RunContext, server: ExternalServer, failures: Mapping[str, Mapping[str, str]]
) -> ExternalServer:
    served = tuple(protocol for protocol, reasons in failures.items() if reasons.get(server.name) == "")
    if not served:
        return server
    for protocol, reasons in failures.items():
        if protocol not in served:
            reason = reasons.get(server.name, "no scenario that it could serve")
            context.observer.on_message(f"skipping the {protocol} scenarios for {server.name}: {reason}")
    return msgspec.structs.replace(server, protocols=served)

"""The baseline over the network before the first block: whether network, generator or server is the limit."""

import math
from collections.abc import Mapping

from bench.experiment.child_process import ServerError
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.solo_load import load_alone
from bench.experiment.trial_quality import BUSY_CPU_SHARE
from bench.experiment.wire import Requests, load_share
from bench.machine.doctor import Finding
from bench.plan.schedule import ScheduledLoad
from bench.translation import gettext
from clients.quality_catalogue import CATALOGUE

_WINDOW_S, _WARMUP_S = 0.2, 0.02


def check_baseline(context: RunContext, baselines: Mapping[str, Servers]) -> list[Finding]:
    """Return a finding for each transport: the rate of the baseline, and what limits it.

    It is measured in a closed loop with the connections of the plan's last load that has the same clients all the time.
    """
    load = _last_plain_load(context)
    if load is None:
        return []
    servers = baselines.get(load.scenario.protocol, {})
    return [
        _finding(context, load, server)
        for arm, server in servers.items()
        if isinstance(server, Server) and not load.skip_reasons[arm]
    ]


def _last_plain_load(context: RunContext) -> ScheduledLoad | None:
    loads = [*context.schedule.block_loads, *context.schedule.searches]
    plain = [load for load in loads if not load.has_populations and load.populations[0].lifecycle == "persistent"]
    return plain[-1] if plain else None


def _finding(context: RunContext, load: ScheduledLoad, server: Server) -> Finding:
    arm, population = server.arm, load.populations[0]
    name = gettext("{model} over the network ({transport})", model=arm.model, transport=arm.transport)
    why = gettext(
        "the compiled server shows what network and generator allow; slower servers are limited by themselves"
    )
    try:
        document = load_alone(context, server, load, [_WINDOW_S], _WARMUP_S).document
    except ServerError as error:
        return Finding(name, gettext("not measured ({reason})", reason=error), "bad", why, gettext("see its error"))
    rate_rps, busy_share = document["throughput_rps"] or 0.0, document["generator"]["cpu_share"]
    wire_share = math.nan
    if context.wire is not None:
        wire_share = load_share(context.wire, arm.transport, [Requests(rate_rps, population.message_bytes)])
    value = gettext(
        "{rate:,.0f} requests/s with {connections} connections; {wire} of what the network carries; {busy:.0%} of the "
        "generator's CPU; {limit}",
        rate=rate_rps,
        connections=population.connections,
        wire=gettext("an unknown share") if math.isnan(wire_share) else f"{wire_share:.0%}",
        busy=busy_share,
        limit=_limit(wire_share, busy_share),
    )
    is_network = wire_share > CATALOGUE["WIRE_LIMIT"].suspect
    return Finding(
        name,
        value,
        "bad" if is_network else "note",
        why,
        gettext("use a faster network or shorter messages")
        if is_network
        else gettext("use more generators, or more connections"),
    )


def _limit(wire_share: float, busy_share: float) -> str:
    if wire_share > CATALOGUE["WIRE_LIMIT"].suspect:
        return gettext("the network is the limit")
    if busy_share >= BUSY_CPU_SHARE:
        return gettext("the generator is the limit")
    return gettext("neither is the limit: round trips or the server are")

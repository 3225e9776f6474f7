"""Checks of a plan beyond the types of its keys.

Every failure is a PlanError of one line.
"""

from collections.abc import Mapping, Sequence

from bench.plan import scenario_checks
from bench.plan.definition import NONE, Plan, PlanError
from bench.plan.external_command import find_mistake
from bench.plan.external_server import ExternalServer, is_address
from bench.plan.host_limits import SPARE_DESCRIPTORS, descriptors_needed
from bench.plan.matrix import arms, baseline_arms, load_points, scenario_load_points, skip_reason
from bench.plan.population_loads import populations_at, total_connections
from bench.plan.suggestions import did_you_mean
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.load_points import LoadPoint
from clients.quality_catalogue import CATALOGUE
from clients.quality_codes import Thresholds
from servers.registry import Description

MAX_DATAGRAM_BYTES = 65_507


def plan_thresholds(plan: Plan) -> Thresholds:
    """Return the thresholds that the plan's results are judged by. Raises PlanError."""
    for name in plan.thresholds:
        if name not in CATALOGUE:
            suggestion = did_you_mean(name.upper(), CATALOGUE) or "."
            raise PlanError(
                f"thresholds: {name!r} is not a quality code{suggestion} The codes are: {', '.join(CATALOGUE)}"
            )
    try:
        return Thresholds(CATALOGUE, plan.thresholds)
    except ValueError as error:
        raise PlanError(str(error)) from error


def check_form(plan: Plan) -> None:
    """Raise PlanError if keys of the plan contradict each other.

    Needs neither models nor a machine.
    """
    if plan.slice_warmup_s >= plan.slice_s:
        raise PlanError(
            f"slice_warmup_s = {plan.slice_warmup_s:g} must be shorter than the slice (slice_s = {plan.slice_s:g})"
        )
    for scenario in plan.scenarios:
        scenario_checks.check_scenario(scenario, plan)
    competitors = (*plan.models, *(server.name for server in plan.external_servers))
    scenario_checks.check_unique("models", competitors)
    scenario_checks.check_unique("transports", plan.transports)
    scenario_checks.check_unique("scenarios", [scenario.name for scenario in plan.scenarios])
    if plan.baseline not in (BASELINE_MODEL, NONE):  # tables and charts know the baseline by this name
        raise PlanError(f"baseline = {plan.baseline!r} must be {BASELINE_MODEL!r} or {NONE!r}")


def check(plan: Plan, models: Mapping[str, Description], descriptor_limit: int | None = None) -> None:
    """Raise PlanError if the plan cannot be measured here.

    models: all that exist, by name. descriptor_limit: hard limit of open files per process; None means no limit.
    """
    check_form(plan)
    plan_thresholds(plan)
    _check_names(plan, models)
    for server in plan.external_servers:
        _check_external(server, plan.transports)
    _check_datagrams(plan)
    served = _served_arms(plan, models)
    _check_descriptors(plan, served, descriptor_limit)


def refuse_keys_without_effect(plan: Plan) -> None:
    """Raise PlanError if a scenario sets a key that changes nothing in its kind of load."""
    for scenario in plan.scenarios:
        scenario_checks.refuse_keys_without_effect(scenario)
        if scenario.backlog is not None and "tcp" not in plan.transports:
            raise PlanError(
                f"scenario {scenario.name!r}: backlog = {scenario.backlog} has no effect over UDP; remove backlog, or "
                "add 'tcp' to transports"
            )


def _check_names(plan: Plan, models: Mapping[str, Description]) -> None:
    competitors = (*plan.models, *(server.name for server in plan.external_servers))
    for name in plan.models:
        if name not in models:
            suggestion = did_you_mean(name, models) or "."
            problem = f"{name!r} is not a server model{suggestion} Available: {', '.join(models)}"
            raise PlanError(f"models: {problem}", key="models", problem=problem)
    for key, name in (("reference", plan.reference), ("control", plan.control)):
        if name in ("", *competitors) or (key == "control" and name == NONE):
            continue
        suggestion = did_you_mean(name, competitors) or "."
        problem = f"is not among the models of this plan{suggestion} Its models: {', '.join(competitors)}"
        raise PlanError.of_value("", key, name, problem)


def _check_external(server: ExternalServer, transports: Sequence[str]) -> None:
    name = f"external server {server.name!r}"
    if bool(server.command) == bool(server.target):
        given = "both" if server.target else "neither"
        raise PlanError(f"{name}: set either command or target; it sets {given}")
    if server.target and not is_address(server.target):
        problem = "must be HOST:PORT with a port from 1 to 65535, and an IPv6 address in brackets, e.g. [::1]:80"
        raise PlanError.of_value(f"{name}: ", "target", server.target, problem)
    if any("\0" in argument for argument in server.command):
        raise PlanError(f"{name}: command contains a NUL character")
    for variable, value in server.environment.items():
        if not variable or "=" in variable or "\0" in variable + value:
            raise PlanError(f"{name}: environment = {{{variable!r}: ...}} is not a valid variable")
    if not set(server.transports) & set(transports):
        raise PlanError(
            f"{name}: it serves {', '.join(server.transports)}, but the transports of this plan are "
            f"{', '.join(transports)}; if it serves {transports[0]}, write transports = [{transports[0]!r}] or "
            f"--server {server.name}/{transports[0]}=COMMAND; else remove it"
        )
    if server.command and (mistake := find_mistake(server)):
        raise PlanError(f"{name}: {mistake}")


def _check_datagrams(plan: Plan) -> None:
    for scenario in plan.scenarios:
        own = [population.message_bytes or 0 for population in scenario.populations]
        largest = max(*scenario.message_sizes, *own, 0)
        if "udp" in plan.transports and largest > MAX_DATAGRAM_BYTES:
            problem = f"does not fit into a UDP datagram; use at most {MAX_DATAGRAM_BYTES}, or transports = ['tcp']"
            raise PlanError.of_value(f"scenario {scenario.name!r}: ", "message_bytes", largest, problem)


def _served_arms(plan: Plan, models: Mapping[str, Description]) -> dict[LoadPoint, list[Arm]]:
    """Return the arms that serve each load point.

    Raises PlanError if no competitor serves any.
    """
    baselines = baseline_arms(plan)
    served: dict[LoadPoint, list[Arm]] = {}
    reasons = []
    for scenario in plan.scenarios:
        for point in scenario_load_points(scenario):
            skipped = {arm: skip_reason(plan, arm, point, models) for arm in arms(plan)}
            served[point] = [arm for arm, reason in skipped.items() if not reason]
            reasons += [reason for arm, reason in skipped.items() if arm not in baselines]
    if all(reasons):
        raise PlanError(f"nothing in this plan can be measured: every case would be skipped, e.g. {reasons[0]}")
    return served


def _check_descriptors(plan: Plan, served: Mapping[LoadPoint, Sequence[Arm]], limit: int | None) -> None:
    """Raise PlanError if the generator cannot open the connections.

    It opens those of all arms of a load point at the same time. Arms of a scenario with populations take turns if these
    are too many.
    """
    if limit is None:
        return
    in_blocks = set(load_points(plan))
    for point, point_arms in served.items():
        scenario = plan.scenario(point.scenario)
        populations = populations_at(scenario, point)
        # A search loads one arm after the other.
        count = len(point_arms) if point in in_blocks and not scenario.populations else min(1, len(point_arms))
        connections, needed = total_connections(populations), descriptors_needed(populations, count)
        if needed > limit and count:
            most = max(0, limit - SPARE_DESCRIPTORS) // count
            at_once = f" for {count} arms at the same time" if count > 1 else ""
            fewer = ", fewer models," if count > 1 else ""
            problem = (
                f"needs {needed:,} file descriptors{at_once}, but the hard limit is {limit:,}; use at most {most:,} "
                f"connections{fewer} or raise the limit (ulimit -Hn)"
            )
            raise PlanError.of_value(f"scenario {point.scenario!r}: ", "connections", connections, problem)

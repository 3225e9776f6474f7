"""The matrix of a plan: its arms, its load points, and the cases that are skipped."""

from collections.abc import Mapping

from bench.formatting import plural
from bench.plan.definition import NONE, Plan
from bench.plan.population_loads import parts_at, populations_at, total_connections
from bench.plan.scenario import Scenario
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from servers.registry import Description

CLIENT_LIMIT = "is designed for"  # in the reason why a case is skipped: a limit of the model itself
_STREAM_BEHAVIOURS = {"trickle", "never_reads"}
MIN_WORKERS = 2  # a model with several processes would be another model with one


def reference_model(plan: Plan) -> str:
    """Return the model that the others are compared with."""
    return plan.reference or plan.models[0]


def control_model(plan: Plan) -> str:
    """Return the model that is measured a second time; empty if there is no control."""
    if plan.control == NONE:
        return ""
    return plan.control or reference_model(plan)


def reference_arms(plan: Plan) -> dict[str, str]:
    """Return the name of the arm that the others are compared with, by transport."""
    return {transport: Arm(reference_model(plan), transport).name for transport in plan.transports}


def arms(plan: Plan) -> list[Arm]:
    """Return every arm: models, external servers, controls, and the baselines last."""
    model_arms = [
        Arm(model, transport, python=label)
        for model in plan.models
        for transport in plan.transports
        for label in ("", *plan.pythons)
    ]
    external_arms = [
        Arm(server.name, transport)
        for server in plan.external_servers
        for transport in plan.transports
        if transport in server.transports
    ]
    control = control_model(plan)
    controls = [Arm(control, transport, control=True) for transport in plan.transports if control]
    return model_arms + external_arms + controls + baseline_arms(plan)


def baseline_arms(plan: Plan) -> list[Arm]:
    """Return the arms that show the limit of machine and generator.

    There are none if the baseline model competes.
    """
    if plan.baseline == NONE or plan.baseline in plan.models:
        return []
    return [Arm(plan.baseline, transport) for transport in plan.transports]


def competing_arms(plan: Plan) -> list[Arm]:
    """Return the arms that are ranked: neither controls nor baselines."""
    baselines = baseline_arms(plan)
    return [arm for arm in arms(plan) if not arm.control and arm not in baselines]


def load_points(plan: Plan) -> list[LoadPoint]:
    """Return the load points that every block has, each with all its populations."""
    return [point for scenario in plan.scenarios if not scenario.searches for point in scenario_load_points(scenario)]


def row_points(plan: Plan) -> list[LoadPoint]:
    """Return the load points that every block has rows about: see ``part_points``."""
    return [point for whole in load_points(plan) for point in part_points(plan.scenario(whole.scenario), whole)]


def part_points(scenario: Scenario, point: LoadPoint) -> list[LoadPoint]:
    """Return the load point of each population in each phase in which it does something."""
    return [part.point for part in parts_at(scenario, point)]


def scenario_load_points(scenario: Scenario) -> list[LoadPoint]:
    """Return the load points of a scenario, fewest connections first.

    The memory of a server only grows, so in ascending order each figure belongs to its own load. All arms of a round
    have the same load point, so the order favours no arm.
    """
    return [
        LoadPoint(scenario.name, connections, message_bytes)
        for connections in connection_counts(scenario)
        for message_bytes in sorted(set(scenario.message_sizes))
    ]


def connection_counts(scenario: Scenario) -> list[int]:
    """Return the numbers of connections that a scenario varies, smallest first.

    It is the number of all populations together if each of them has a number of its own.
    """
    if scenario.connections is not None:
        return sorted(set(scenario.connections))
    return [sum(population.connections or 0 for population in scenario.populations)]


def skip_reason(plan: Plan, arm: Arm, point: LoadPoint, models: Mapping[str, Description]) -> str:
    """Return why an arm cannot serve a load point, or "" if it can. models: by name."""
    model, scenario = models[arm.model], plan.scenario(point.scenario)
    if model.broken:
        return f"{arm.model} {model.unavailable_reason}"
    if scenario.protocol not in model.protocols:
        if any(server.name == arm.model and server.protocols is None for server in plan.external_servers):
            return f"{arm.model} is not asked for {scenario.protocol}, because its `protocols` do not list it"
        return f"{arm.model} speaks {', '.join(model.protocols)}, not {scenario.protocol}"
    if arm.python and model.needs:
        return f"{arm.model} needs {model.needs}, so it runs only with the interpreter of holabench"
    if model.unavailable_reason:
        return f"{arm.model} {model.unavailable_reason}"
    if arm.transport not in model.transports:
        return f"{arm.model} does not serve {arm.transport}"
    if reason := _backlog_reason(plan, model, scenario.backlog):
        return reason
    loads = populations_at(scenario, point)
    if arm.transport == "udp" and (behaviours := {load.behaviour for load in loads} & _STREAM_BEHAVIOURS):
        return f"clients of behaviour {min(behaviours)} need a stream, and udp has none"
    if arm.transport == "tcp":
        persistent = [load for load in loads if load.lifecycle == "persistent"]
        return _client_limit_reason(plan, model, total_connections(persistent))
    return ""


def _backlog_reason(plan: Plan, model: Description, backlog: int | None) -> str:
    """Return why a server cannot get the listen queue of a scenario, or ""."""
    if backlog is None:
        return ""
    if any(server.name == model.name for server in plan.external_servers):
        return f"{model.name} is an external server, so its backlog is its own"
    if model.own_backlog is not None:
        return f"{model.name} keeps the backlog of its library, {model.own_backlog}"
    if model.name == plan.baseline and plan.baseline not in plan.models:
        return f"{model.name} serves the whole run with one backlog"
    return ""


def _client_limit_reason(plan: Plan, model: Description, connections: int) -> str:
    """Return why a model cannot serve this many persistent TCP clients, or ""."""
    if model.max_tcp_clients is None:
        return ""
    is_external = any(server.name == model.name for server in plan.external_servers)  # its limit is that of all of it
    has_workers = model.parallel and not is_external
    processes = (plan.workers or MIN_WORKERS) if has_workers else 1
    limit = model.max_tcp_clients * processes
    if connections <= limit:
        return ""
    with_workers = f" with {processes} workers" if has_workers else ""
    return f"{model.name} {CLIENT_LIMIT} {plural(limit, 'persistent TCP client')} at a time{with_workers}"

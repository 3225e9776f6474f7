"""Predictions for requests beside slow clients: the numbers of these at which a server breaks. Pure."""

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from bench.analysis.cases import CaseKey, group_by_case
from bench.analysis.predictions.forms import Form, Prediction, ServerFacts
from bench.analysis.predictions.slow_clients import breaks_from, most_clients
from bench.plan.definition import Plan
from bench.plan.population_loads import populations_at, total_connections
from bench.plan.scenario import Scenario
from bench.schema.arms import Arm

METRIC = "latency_p99_us"  # which decides whether a server is immune, degrades or breaks


def slow_client_predictions(
    summary: pd.DataFrame, trials: pd.DataFrame, plan: Plan, servers: Mapping[str, ServerFacts]
) -> Iterator[tuple[tuple[CaseKey, str], Prediction]]:
    """Yield an infinite percentile where a server is predicted to break.

    It is that of the scenario's first population, beside others of which all are slow. There is no prediction where the
    server has room for all.
    """
    slow = {scenario.name for scenario in plan.scenarios if _is_about_slow_clients(scenario)}
    rows = summary[summary["scenario"].isin(slow) & (summary["metric"] == METRIC)]
    if rows.empty:
        return
    own_descriptors = _own_descriptors(trials, plan)
    for row in rows.to_dict("records"):
        case = CaseKey.from_row(row)
        server = servers.get(case.arm)
        if server is None or Arm.parse(case.arm).transport != "tcp":
            continue
        first, *others = populations_at(plan.scenario(case.load_point.scenario), case.load_point)
        most = _most_clients(server, own_descriptors.get(case.arm))
        is_first = case.load_point.population == first.name
        if is_first and total_connections(others) >= breaks_from(most, first.connections):
            yield (case, METRIC), Prediction(math.inf, Form.HELD)


def _is_about_slow_clients(scenario: Scenario) -> bool:
    behaviours = [population.behaviour for population in scenario.populations]
    return len(behaviours) > 1 and behaviours[0] == "normal" and "normal" not in behaviours[1:]


def _most_clients(server: ServerFacts, own_descriptors: int | None) -> float:
    architecture = server.architecture
    slots = architecture.slots if architecture.client_holds_slot else None
    descriptors = architecture.watched_descriptors if own_descriptors is not None else None
    return server.processes * most_clients(slots, descriptors, own_descriptors or 0)


def _own_descriptors(trials: pd.DataFrame, plan: Plan) -> dict[str, int]:
    """Return the descriptors of a process of each arm without those of its clients, from the fewest clients."""
    if not {"descriptors", "processes"} <= set(trials.columns):
        return {}
    known = trials[trials["scenario"].isin([scenario.name for scenario in plan.scenarios])]
    known = known[(known["status"] == "ok") & known["descriptors"].notna() & (known["processes"] > 0)]
    own: dict[str, tuple[int, int]] = {}
    for case, rows in group_by_case(known).items():
        clients = total_connections(populations_at(plan.scenario(case.load_point.scenario), case.load_point))
        of_processes = (float(rows["descriptors"].median()) - clients) / float(rows["processes"].median())
        if case.arm not in own or clients < own[case.arm][0]:
            own[case.arm] = clients, max(0, math.ceil(of_processes))
    return {arm: descriptors for arm, (_, descriptors) in own.items()}

"""The columns of summary.csv that compare each figure with its prediction. Pure."""

import math
from collections.abc import Iterator

import pandas as pd

from bench.analysis.cases import CaseKey, text
from bench.analysis.predictions.agreement import Agreement, agreement, prediction_ratio
from bench.analysis.predictions.alone_loads import AloneLoads
from bench.analysis.predictions.architectures import architecture_of
from bench.analysis.predictions.burst_cases import burst_predictions
from bench.analysis.predictions.closed_cases import predict_closed
from bench.analysis.predictions.curves import Curves, handler_of
from bench.analysis.predictions.forms import Form, Prediction, ServerFacts
from bench.analysis.predictions.mixed_cases import Inputs, predict_mixed
from bench.analysis.predictions.phase_cases import planned_overloads
from bench.analysis.predictions.slow_cases import slow_client_predictions
from bench.analysis.predictions.straight_lines import extrapolated_memory_mb
from bench.analysis.predictions.units import ComputeUnits
from bench.plan.definition import Plan
from bench.plan.population_loads import populations_at
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint

_MIN_MORE_CONNECTIONS = 50  # between the two points of a line: the memory of fewer is hidden by that of a page or two
_LARGEST_EXTRAPOLATED = 1e12  # a memory in MB beyond this is a mistake of the inputs


def add_predictions(
    summary: pd.DataFrame, trials: pd.DataFrame, plan: Plan, units: ComputeUnits, machine_cpus: int
) -> pd.DataFrame:
    """Return the summary with its columns ``predicted``, ``prediction_ratio``, ``prediction`` and those after them.

    machine_cpus: CPUs of the machine that measured.
    """
    if summary.empty:
        return summary
    predictions = dict(_all_predictions(summary, trials, plan, units, machine_cpus))
    cells = []
    for row in summary.to_dict("records"):
        prediction = predictions.get((CaseKey.from_row(row), str(row["metric"])))
        measured = float(row["median"])
        predicted = math.nan if prediction is None else prediction.value
        ratio = prediction_ratio(measured, predicted)
        both_infinite = measured == predicted == math.inf  # it does not recover, as predicted
        word = Agreement.AS_PREDICTED if both_infinite else agreement(ratio)
        form = prediction.form.value if prediction else ""
        full = prediction.full.value if prediction and prediction.full else ""
        cells.append((predicted, ratio, word.value, form, full))
    names = ["predicted", "prediction_ratio", "prediction", "prediction_form", "predicted_limit"]
    columns = pd.DataFrame(cells, columns=names, index=summary.index)
    return summary.assign(**{name: columns[name] for name in names})


def _all_predictions(
    summary: pd.DataFrame, trials: pd.DataFrame, plan: Plan, units: ComputeUnits, machine_cpus: int
) -> Iterator[tuple[tuple[CaseKey, str], Prediction]]:
    curves = Curves.of_summary(summary, plan)
    inputs = Inputs(curves, AloneLoads.of_summary(summary, plan), units)
    servers = _servers(trials, machine_cpus)
    cases = {CaseKey.from_row(row) for row in summary[summary["status"] == "ok"].to_dict("records")}
    names = {scenario.name for scenario in plan.scenarios}
    for case in sorted(cases, key=lambda case: (case.arm, str(case.load_point))):
        server, point = servers.get(case.arm), case.load_point
        if server is None or point.scenario not in names or point.phase:
            continue
        loads = {load.name: load for load in populations_at(plan.scenario(point.scenario), point)}
        load = loads[point.population]
        handler = handler_of(load) if len(loads) == 1 else None
        if handler is not None:
            of_case = predict_closed(case.arm, handler, point.connections, server, curves, units)
        else:
            of_case = predict_mixed(case, loads, cases, server, inputs)
        for metric, prediction in of_case.items():
            yield (case, metric), prediction
    yield from _memory_predictions(summary, plan)
    yield from _recovery_predictions(cases, plan)
    yield from burst_predictions(trials, plan)
    yield from slow_client_predictions(summary, trials, plan, servers)


def _servers(trials: pd.DataFrame, machine_cpus: int) -> dict[str, ServerFacts]:
    """Return the facts about the server of each arm with an architecture that is known."""
    measured = trials[trials["status"] == "ok"].drop_duplicates("arm")
    servers = {}
    for row in measured.to_dict("records"):
        arm = Arm.parse(str(row["arm"]))
        architecture = architecture_of(arm.model, arm.transport)
        if architecture is not None:
            workers = row["workers"]
            servers[str(row["arm"])] = ServerFacts(
                architecture,
                python=text(row["python"]),
                workers=int(workers) if workers == workers and workers is not None else 1,
                server_cpus=max(1, len(text(row["server_cpus"]).split())),
                machine_cpus=machine_cpus,
            )
    return servers


def _recovery_predictions(cases: set[CaseKey], plan: Plan) -> Iterator[tuple[tuple[CaseKey, str], Prediction]]:
    """Yield the time to recover after each overload of the plan."""
    for planned in planned_overloads(plan):
        recovery = planned.recovery
        if recovery is None:
            continue
        for case in cases:
            point = case.load_point
            if (point.scenario, point.population, point.phase) == (planned.scenario, planned.population, planned.phase):
                yield (case, "recovery_s"), recovery


def _memory_predictions(summary: pd.DataFrame, plan: Plan) -> Iterator[tuple[tuple[CaseKey, str], Prediction]]:
    """Yield the memory with silent clients, extrapolated from the two smallest numbers of them."""
    with_silent = {
        scenario.name
        for scenario in plan.scenarios
        if any(population.behaviour == "silent" for population in scenario.populations)
    }
    rows = summary[summary["scenario"].isin(with_silent) & (summary["metric"] == "memory_mb")]
    rows = rows[rows["median"].notna() & (rows["phase"] == "")]
    for _, of_curve in rows.groupby(["arm", "scenario", "message_bytes", "population"]):
        records = of_curve.sort_values("connections").to_dict("records")
        points = [(int(row["connections"]), float(row["median"])) for row in records]
        far = [point for point in points if point[0] >= points[0][0] + _MIN_MORE_CONNECTIONS]
        if len({connections for connections, _ in points}) < len(points) or not far:
            continue
        for row in records:
            if int(row["connections"]) <= far[0][0]:
                continue
            value = extrapolated_memory_mb(int(row["connections"]), points[0], far[0])
            if 0 < value < _LARGEST_EXTRAPOLATED:
                yield (CaseKey(str(row["arm"]), LoadPoint.from_row(row)), "memory_mb"), Prediction(value, Form.LINEAR)

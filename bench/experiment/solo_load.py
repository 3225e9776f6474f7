"""A load on one server apart from the rounds: for calibrations and searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.experiment.child_process import ServerError
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, population_settings
from bench.plan.population_loads import PopulationLoad
from bench.plan.schedule import ScheduledLoad


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The slices of a load on one server, and its counts."""

    slices: list[dict[str, Any]]
    document: dict[str, Any]
    histograms: Mapping[str, list[list[int]]]  # rows of lower_ns, upper_ns, count by quantity


def load_alone(
    context: RunContext,
    server: Server,
    load: ScheduledLoad,
    windows_s: Sequence[float],
    warmup_s: float,
    *,
    rate_rps: float = 0.0,
    seed: int | None = None,
    baseline_rps: float | None = None,
    population: PopulationLoad | None = None,
) -> LoadResult:
    """Load a server that is otherwise idle. Raises ServerError.

    windows_s: lengths of the slices without their warm-up. rate_rps: of an open loop; 0 means a closed loop. seed: of
    the arrivals. population: the first one of the load if it is None.
    """
    generator, name = context.generator, f"{server.arm.name} alone"
    timeout_s, spin = context.schedule.plan.timeout_s, context.schedule.cpus_disjoint
    settings = population_settings(load, population or load.populations[0], server, timeout_s, spin=spin)
    generator.open(name, settings | {"rate_rps": rate_rps})
    slices: list[dict[str, Any]] = []
    failure: ServerError | None = None
    for window_s in windows_s:
        try:
            slices.append(generator.slice(name, window_s + warmup_s, warmup_s, seed))
        except ServerError as error:
            failure = error
        else:
            failure = None
    closed = generator.close(name, baseline_rps)
    if failure is not None:  # of the last slice
        raise failure
    return LoadResult(slices, closed.document, closed.histograms)

"""Record single requests of each arm, once per run, for the picture of how servers take turns.

An extra slice on connections of its own, after the last timed slice of these servers: it changes no figure of them.
"""

from collections.abc import Sequence

from bench.experiment.child_process import ServerError
from bench.experiment.generator_process import Generator
from bench.experiment.run_context import RunContext
from bench.experiment.server import Servers, population_settings
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.schema.arms import Arm
from bench.schema.csv_schema import ReplayRow
from bench.schema.metrics import ScenarioKind

EXCERPT_S, WARMUP_S = 0.02, 0.005
MAX_ROWS = 30_000  # of all arms together: about 0.3 MB
USUAL_CONNECTIONS = 16  # enough to see turns, and few enough for a row each in a picture
_LOAD_NAME = "replay"


def replay_load(schedule: Schedule) -> ScheduledLoad | None:
    """Return the load point to record: a closed loop over persistent connections, with about USUAL_CONNECTIONS.

    It is of the first scenario that has one. None if the plan has none, or no arm over TCP.
    """
    if not replay_arms(schedule):
        return None
    suitable = [load for load in schedule.block_loads if _is_suitable(load)]
    of_first = [load for load in suitable if load.scenario == suitable[0].scenario]
    return min(of_first, key=lambda load: abs(load.point.connections - USUAL_CONNECTIONS), default=None)


def _is_suitable(load: ScheduledLoad) -> bool:
    population = load.populations[0]
    is_plain = not load.has_populations and not load.scenario.phases and population.depth == 1
    is_closed = population.kind == ScenarioKind.CAPACITY and not population.is_open
    is_small = 1 < load.point.connections <= 2 * USUAL_CONNECTIONS
    return is_plain and is_closed and population.lifecycle == "persistent" and is_small


def replay_arms(schedule: Schedule) -> list[Arm]:
    """Return the arms to record: those that compete, over TCP. The server of the baseline is left alone."""
    return [arm for arm in schedule.fresh_arms if arm.competes and arm.transport == "tcp"]


def record_replay(context: RunContext, load: ScheduledLoad, servers: Servers) -> list[ReplayRow]:
    """Load each server for a moment, and return its requests. A server that fails has none."""
    arms = [arm for arm in replay_arms(context.schedule) if not load.skip_reasons[arm]]
    rows: list[ReplayRow] = []
    for arm in arms:
        server = servers.get(arm, "")
        if isinstance(server, str):
            continue
        timeout_s, spin = context.schedule.plan.timeout_s, context.schedule.cpus_disjoint
        settings = population_settings(load, load.populations[0], server, timeout_s, spin=spin)
        rows += _rows(arm, load, record_rows(context.generator, settings, MAX_ROWS // len(arms)))
    return rows


def record_rows(generator: Generator, settings: dict[str, object], rows: int) -> Sequence[Sequence[int]]:
    """Return connection, sent_ns and received_ns of each request; at most ``rows`` of them."""
    room = int(rows * (EXCERPT_S + WARMUP_S) / EXCERPT_S)  # the warm-up takes its share
    try:
        generator.open(_LOAD_NAME, settings | {"raw_rows": room})
    except ServerError:
        return []
    try:
        generator.slice(_LOAD_NAME, EXCERPT_S + WARMUP_S, WARMUP_S, None)
        return generator.raw_rows(_LOAD_NAME)[:rows]
    except ServerError:
        return []
    finally:
        generator.abandon(_LOAD_NAME)


def _rows(arm: Arm, load: ScheduledLoad, requests: Sequence[Sequence[int]]) -> list[ReplayRow]:
    return [
        ReplayRow(arm.name, **load.point.load_cells, connection=c, sent_ns=s, received_ns=r) for c, s, r in requests
    ]

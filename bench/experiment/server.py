"""A server that is up, and the settings of a load on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.experiment.child_process import Child, UnmanagedServer
from bench.machine.process_usage import ProcessTree, UnknownUsage
from bench.plan.external_server import ExternalServer
from bench.plan.population_loads import PopulationLoad
from bench.plan.schedule import ScheduledLoad
from bench.schema.arms import Arm


@dataclass(slots=True)
class Server:
    """A running server with its ready line."""

    arm: Arm
    child: Child | UnmanagedServer
    tree: ProcessTree | UnknownUsage
    ready: Mapping[str, Any] = field(default_factory=dict)  # host, port, workers, python, sockets
    external: ExternalServer | None = None  # None for a model
    start_deadline_s: float = 0.0  # of the monotonic clock: when an external server has to answer at last


Servers = Mapping[Arm, Server | str]  # a text is the reason why the server failed


def load_settings(load: ScheduledLoad, server: Server, timeout_s: float, *, spin: bool) -> dict[str, Any]:
    """Return the generator's settings of a closed loop with the first population of a load.

    They are the same for every arm of a load, except the port.

    timeout_s: of a request. spin: whether the generator may poll without sleeping, as it has its CPUs to itself.
    """
    return population_settings(load, load.populations[0], server, timeout_s, spin=spin)


def population_settings(
    load: ScheduledLoad, population: PopulationLoad, server: Server, timeout_s: float, *, spin: bool
) -> dict[str, Any]:
    """Return the generator's settings of a closed loop with one population. timeout_s: if it has none of its own."""
    settings: dict[str, Any] = {
        "transport": server.arm.transport,
        "host": server.ready["host"],
        "port": server.ready["port"],
        "protocol": population.protocol,
        "lifecycle": population.lifecycle,
        "connections": population.connections,
        "message_bytes": population.message_bytes or 1,
        "requests_per_session": population.session_requests,
        "timeout_s": timeout_s if population.timeout_s is None else population.timeout_s,
        "rate_rps": 0.0,
        "arrivals": population.arrivals,
        "seed": load.seed,
        "spin": spin,
    }
    return settings | _work_settings(population) | _behaviour_settings(population)


def _work_settings(population: PopulationLoad) -> dict[str, Any]:
    if population.protocol != "work":
        return {}
    mix = [[round(1e3 * kind.wait_ms), kind.compute_units, kind.weight] for kind in population.work]
    kind_of_compute = {"compute_kind": population.compute_kind}
    if len(mix) > 1:
        return {"work_mix": mix} | kind_of_compute
    ((wait_us, units, _),) = mix
    return {"wait_us": wait_us, "compute_units": units} | kind_of_compute


def _behaviour_settings(population: PopulationLoad) -> dict[str, Any]:
    """Return the settings that differ from the generator's defaults."""
    settings: dict[str, Any] = {}
    if population.depth > 1:
        settings["depth"] = population.depth
    if population.behaviour != "normal":
        settings["behaviour"] = population.behaviour
    if population.behaviour == "trickle":
        settings["trickle_s"] = population.trickle_s
    if population.retries:
        settings["retries"] = population.retries
    return settings

"""Needs of a load with many connections, and the limits of the machine. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.formatting import compact
from bench.plan.population_loads import PopulationLoad, total_connections
from servers.registry import Description

SPARE_DESCRIPTORS = 64  # standard streams, pollers and pipes of the generator
# Memory of a connection on this machine, as 200 connections took it: 607 KB for a process of its own
# (process_per_client), 21 KB for a thread of its own. The kernel keeps two sockets with some KB of buffers.
PROCESS_MB = 0.61
CONNECTION_MB = 0.03


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Limits of the machine. None means no limit, or an unknown one."""

    descriptors: int | None = None  # hard limit of open files per process
    memory_mb: float | None = None  # free for servers and generator


NO_LIMITS = HostLimits()


def descriptors_needed(populations: Sequence[PopulationLoad], arms: int = 1) -> int:
    """Return the descriptors that the generator needs for a load on a number of arms at the same time."""
    return total_connections(populations) * arms + SPARE_DESCRIPTORS


def arms_at_once(populations: Sequence[PopulationLoad], limits: HostLimits) -> int | None:
    """Return how many arms can hold their connections at the same time; None for any number."""
    connections = total_connections(populations)
    if limits.descriptors is None or not connections:
        return None
    return max(1, (limits.descriptors - SPARE_DESCRIPTORS) // connections)


def memory_reason(model: Description, populations: Sequence[PopulationLoad], limits: HostLimits) -> str:
    """Return why the machine cannot hold the connections of a load for a model, or ""."""
    connections = total_connections([load for load in populations if load.lifecycle == "persistent"])
    needed_mb = connections * (PROCESS_MB if model.forks else CONNECTION_MB)
    if limits.memory_mb is None or needed_mb <= limits.memory_mb:
        return ""
    of_process = " with a process for each" if model.forks else ""
    return (
        f"{model.name}{of_process} would need about {needed_mb / 1e3:.1f} GB for {compact(connections)} connections, "
        f"and {limits.memory_mb / 1e3:.1f} GB are free"
    )

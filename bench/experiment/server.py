"""A server that is up, and the settings of a load on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.experiment.child_process import Child, UnmanagedServer
from bench.machine.process_usage import ProcessTree, UnknownUsage
from bench.plan.external_server import ExternalServer
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
    """Return the generator's settings of a closed loop.

    They are the same for every arm of a load, except the port.

    timeout_s: of a request. spin: whether the generator may poll without sleeping, as it has its CPUs to itself.
    """
    scenario = load.scenario
    return {
        "transport": server.arm.transport,
        "host": server.ready["host"],
        "port": server.ready["port"],
        "protocol": scenario.protocol,
        "lifecycle": scenario.lifecycle,
        "connections": load.point.connections,
        "message_bytes": load.point.message_bytes or 1,
        "requests_per_session": scenario.session_requests,
        "timeout_s": timeout_s,
        "rate_rps": 0.0,
        "arrivals": scenario.arrival_pattern,
        "seed": load.seed,
        "spin": spin,
    }

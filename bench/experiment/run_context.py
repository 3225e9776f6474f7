"""The parts that all blocks and searches of a run share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.experiment.generator_process import Generator
from bench.experiment.observer import RunObserver
from bench.experiment.remote_side import Probe
from bench.experiment.wire import Wire
from bench.machine.socket_size import SocketSize
from bench.plan.schedule import Schedule


@dataclass(frozen=True, slots=True)
class RunContext:
    """The schedule of a run, its generator and its observer."""

    schedule: Schedule
    generator: Generator
    probe: Probe
    observer: RunObserver
    failures: Mapping[tuple[str, str, str], str] = field(default_factory=dict)  # (model, transport, protocol) -> reason
    warned: set[str] = field(default_factory=set)  # models that were warned about
    socket_size: SocketSize | None = None  # None: unknown, or no load asks for it
    server_address: str = ""  # at which generators on other machines reach the servers; "" for loopback
    wire: Wire | None = None  # None: loopback, or unknown

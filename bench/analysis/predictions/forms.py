"""The names of the forms, and the facts about one server that they need. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from bench.analysis.predictions.architectures import Architecture, default_executor_threads
from bench.analysis.predictions.closed_loop import Resource


class Form(StrEnum):
    """A closed form; docs/predictions.md has a section for each."""

    LOCKSTEP = "lockstep"
    SPREAD = "spread"
    SLOTS = "slots"
    CPU = "cpu"
    FCFS = "first come first served"
    LOCK = "interpreter lock"
    SHARED = "equal shares"
    LINEAR = "linear"
    DRAIN = "drain"
    RETRIES = "retries"
    SYN = "retransmitted SYN"
    HELD = "held by slow clients"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted figure, in the unit of its metric, with its form, and what is full in a closed loop."""

    value: float
    form: Form
    full: Resource | None = None


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server: its architecture, its interpreter, its worker processes, and the CPUs that it may use."""

    architecture: Architecture
    python: str
    workers: int
    server_cpus: int
    machine_cpus: int

    @property
    def processes(self) -> int:
        """The number of worker processes."""
        return self.workers if self.architecture.several_workers else 1

    @property
    def slots(self) -> int | None:
        """The number of requests that can wait at a time in all of its processes; None: no limit."""
        if self.architecture.default_executor:
            return default_executor_threads(self.python, self.machine_cpus, self.server_cpus)
        slots = self.architecture.slots
        return None if slots is None else slots * self.processes

    @property
    def has_cpython_lock(self) -> bool:
        """True if its threads share CPython's interpreter lock."""
        return self.python.startswith("cpython")

"""The generators of a run whose servers alone are on this machine."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from bench.experiment.generator_process import Generator
from bench.experiment.wire import Wire
from bench.machine.doctor import Finding
from bench.machine.noise_probe import RoundConditions
from bench.plan.schedule import Hosts


class Probe(Protocol):
    """Judges a round by the conditions of the machines."""

    def begin(self) -> None:
        """Read the counters before a round."""

    def end(self) -> RoundConditions:
        """Return the conditions of the round."""


class RemoteSide(Protocol):
    """The machines of the generators.

    hosts: names of all machines. server_address: where the generators reach this machine. facts: for the environment of
    the run. findings: about the machines and the paths between them, once the generators are started. wire: what the
    paths carry, then; None if that is unknown.
    """

    hosts: Hosts
    server_address: str
    facts: Mapping[str, Any]
    findings: Sequence[Finding]
    wire: Wire | None

    def start(self, longest_request_s: float) -> AbstractContextManager[Generator]:
        """Start the generators, and yield them as one. Raises ChildError."""

    def probe(self, local: Probe) -> Probe:
        """Return a probe of all machines. local: that of this machine."""

"""The load generator as a child process.

There is one method per command of ``clients.worker``. Every method raises ChildError if the generator itself fails,
which ends the run. A server that cannot be loaded raises ServerError, and the generator continues.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.experiment.child_commands import generator_command
from bench.experiment.child_process import READY_S, Child, ServerError
from bench.machine.process_usage import ProcessTree, Usage

_COMPILE_S = 300.0  # the first run on a machine compiles the generator
_ANSWER_S = 30.0  # beyond the requested load; a generator that takes longer hangs
# Longest requests that one answer may include. A conversation has three. After a slice, the last request is sent up to
# one timeout late and may be sent again: 2 + retries timeouts, which is at most two requests of 1 + retries timeouts.
_LONGEST_REQUESTS = 4


@dataclass(frozen=True, slots=True)
class ClosedLoad:
    """Everything that the generator counted of a load."""

    document: dict[str, Any]
    histograms: Mapping[str, list[list[int]]]  # rows of lower_ns, upper_ns, count by quantity
    generators: "GeneratorParts"


@dataclass(frozen=True, slots=True)
class ClosedPopulations:
    """Everything that the generator counted of a load with several populations."""

    documents: Mapping[str, dict[str, Any]]  # by population
    histograms: Mapping[str, Mapping[str, list[list[int]]]]  # by population, or by population/phase
    generators: "GeneratorParts"


@dataclass(frozen=True, slots=True)
class GeneratorParts:
    """The parts that several generators had in a load. Empty with one generator.

    figures: of each, by the name of its host.
    """

    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    start_skew_us: float | None = None
    start_margin_us: float | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "GeneratorParts":
        """Return the parts that an answer of several generators contains."""
        return cls(answer.get("generators", {}), answer.get("start_skew_us"), answer.get("start_margin_us"))


class GeneratorChild(Protocol):
    """A process that answers the commands of ``clients.worker``, or several as one. Raises ChildError."""

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return the answer to a command."""

    def read_line(self, timeout_s: float) -> dict[str, Any]:
        """Return the first line, which comes once it is ready."""


class Generator:
    """The load generator of a run.

    A load is a set of connections to one server, known by a name.
    """

    def __init__(self, child: GeneratorChild, longest_request_s: float, read_usage: Callable[[], Usage]) -> None:
        """longest_request_s: how long a request may take, with all the times that it is sent again.

        read_usage: returns the resources that the generator has taken so far.
        """
        self._child = child
        self._longest_request_s = longest_request_s
        self._read_usage = read_usage
        self._usage: Usage | None = None  # at the last reading
        # Of all loads so far, from the first request to the last reply: see bench.schema.load_time.
        self.load_s, self.repeated_s = 0.0, 0.0
        self._last_slices_s: dict[str, float] = {}  # of each load

    def await_ready(self) -> None:
        """Wait until it is compiled and ready."""
        self._child.read_line(_COMPILE_S)

    def advance_usage(self) -> tuple[Usage, Usage]:
        """Return the previous reading of the generator's resources and a new one."""
        now = self._read_usage()
        before, self._usage = self._usage or now, now
        return before, now

    def set_thresholds(self, thresholds: Mapping[str, list[float]]) -> None:
        """Set thresholds of quality codes that replace the defaults."""
        self._child.ask({"do": "set_thresholds", "thresholds": dict(thresholds)}, READY_S)

    def prepare_populations(self) -> None:
        """Compile the loop for several populations of a load. Otherwise the first load with some would wait for it."""
        self._child.ask({"do": "prepare_populations"}, _COMPILE_S)

    def verify(self, settings: Mapping[str, Any], concurrent_clients: int = 1) -> str:
        """Check the protocol of a server byte by byte; return its address. The host of the settings may be a name.

        Each client has a short conversation.
        """
        return str(self._ask({"do": "verify", "settings": settings, "concurrent_clients": concurrent_clients})["host"])

    def open(self, load: str, settings: Mapping[str, Any]) -> int:
        """Open the connections of a load; return their number."""
        return int(self._ask({"do": "open", "id": load, "settings": settings})["connected"])

    def open_populations(self, load: str, populations: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Open the connections of several populations of one load; return their numbers by name.

        populations: name and settings of each.
        """
        answer = self._ask({"do": "open", "id": load, "populations": [*populations]})
        connected: dict[str, int] = answer["connected"]
        return connected

    def warm(self, load: str, seconds: float) -> None:
        """Load a server without counting. A failure appears in the next slice."""
        self.load_s += self._send({"do": "warm", "id": load, "seconds": seconds}).get("elapsed_s", 0.0)

    def slice(self, load: str, seconds: float, warmup_s: float, seed: int | None) -> dict[str, Any]:
        """Load a server for a slice; return its figures. seed: of the arrivals."""
        command = {"do": "slice", "id": load, "seconds": seconds, "warmup_s": warmup_s, "seed": seed}
        figures: dict[str, Any] = self._ask(command)["slice"]
        self._add_slice(load, figures["elapsed_s"])
        return figures

    def slice_populations(
        self, load: str, seconds: float, warmup_s: float, seed: int | None
    ) -> dict[str, dict[str, Any]]:
        """Load a server for a slice with all populations of a load; return the figures of each by name."""
        command = {"do": "slice", "id": load, "seconds": seconds, "warmup_s": warmup_s, "seed": seed}
        figures: dict[str, dict[str, Any]] = self._ask(command)["slices"]
        self._add_slice(load, max(each["elapsed_s"] for each in figures.values()))
        return figures

    def raw_rows(self, load: str) -> list[list[int]]:
        """Return connection, sent_ns and received_ns of the replies in the last slice of a load.

        Its settings decide how many are kept (``raw_rows``). The times count from the start of the slice.
        """
        rows: list[list[int]] = self._ask({"do": "raw", "id": load})["rows"]
        return rows

    def discard(self, load: str) -> None:
        """Remove the last slice from the counts of a load."""
        self._send({"do": "discard", "id": load})
        discarded_s = self._last_slices_s.pop(load, 0.0)
        self.load_s -= discarded_s
        self.repeated_s += discarded_s

    def close(self, load: str, baseline_rps: float | None = None, server_drops: int | None = None) -> ClosedLoad:
        """Close a load; return its counts.

        baseline_rps: rate of the baseline at this load, for the quality codes. server_drops: datagrams that the kernel
        dropped at a server that is not on the generator's machine.
        """
        answer = self._ask({"do": "close", "id": load, "baseline_rps": baseline_rps, "server_drops": server_drops})
        return ClosedLoad(answer["document"], answer["histograms"], GeneratorParts.of(answer))

    def close_populations(self, load: str, server_drops: int | None = None) -> ClosedPopulations:
        """Close a load with several populations; return the counts of each. server_drops: as in ``close``."""
        answer = self._ask({"do": "close", "id": load, "server_drops": server_drops})
        return ClosedPopulations(answer["documents"], answer["histograms"], GeneratorParts.of(answer))

    def abandon(self, load: str) -> None:
        """Close a load whose server failed."""
        self._send({"do": "close", "id": load})

    def _add_slice(self, load: str, seconds: float) -> None:
        self.load_s += seconds
        self._last_slices_s[load] = seconds

    def _ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._send(command)
        if not answer["ok"]:
            raise ServerError(answer["error"])
        return answer

    def _send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        request_s = command.get("settings", {}).get("timeout_s", self._longest_request_s)
        timeout_s = _ANSWER_S + _LONGEST_REQUESTS * request_s + command.get("seconds", 0.0)
        return self._child.ask(command, timeout_s)


@contextlib.contextmanager
def local_generator(cpus: Sequence[int], longest_request_s: float) -> Iterator[Generator]:
    """Start the load generator on this machine. It may not be ready yet. Raises ChildError. cpus: of its threads."""
    with Child("the load generator", generator_command(cpus), cpus, pipe_stdin=True) as child:
        yield Generator(child, longest_request_s, ProcessTree(child.pid).usage)

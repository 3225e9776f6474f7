"""Several generators on other machines that answer the commands of ``clients.worker`` as one.

Connections and rates are divided among them, each generator counts for itself, and the counts are added up here. All
generators of a load begin at the same moment, as far as their clocks are known (``clients.clock_offsets``). A margin
before and after the window covers the rest: no request counts while only some of the generators send.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from clients.generator_shares import SliceStart, describe_shares
from clients.load_context import LoadContext
from clients.load_division import divide
from clients.load_spec import LoadSpec
from clients.merged_counts import merge_population_slices, merge_populations
from clients.phase_alignment import align_phases
from clients.population_specs import parse_populations
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds
from clients.simultaneous_start import SimultaneousStart
from clients.worker_answers import ONLY, answer_close, answer_slice

_CLOCK_ANSWER_S = 10.0


class Member(Protocol):
    """A generator: a connection to its ``clients.worker``. Both methods raise an error that names it if it is lost."""

    name: str

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command."""

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the answer to the command that was sent first."""


@dataclass(frozen=True, slots=True)
class GeneratorFigures:
    """The part of one generator in a slice."""

    sent: int
    unsent: int
    answered: int
    cpu_share: float  # of its busiest thread
    run_delay_share: float
    late_start_us: float

    @classmethod
    def of(cls, parts: Sequence[Mapping[str, Any]]) -> "GeneratorFigures":
        """Return the figures of one generator. parts: plain counts of each population, in its slice."""
        tallies, usage = [part["tally"] for part in parts], parts[0]["usage"]
        return cls(
            sent=sum(tally["sent"] for tally in tallies),
            unsent=sum(tally["unsent"] for tally in tallies),
            answered=sum(tally["ok"] for tally in tallies),
            cpu_share=usage["busiest_cpu_share"],
            run_delay_share=usage["run_delay_s"] / usage["elapsed_s"] if usage["elapsed_s"] else 0.0,
            late_start_us=1e6 * usage["late_start_s"],
        )


@dataclass(frozen=True, slots=True)
class _OpenLoad:
    """A load that is open on some members."""

    specs: dict[str, LoadSpec]  # of all generators together, by population
    shares: dict[int, dict[str, LoadSpec]]  # of each member that has connections, by its number
    starts: list[SliceStart] = field(default_factory=list)  # of the slices that count


class WorkerGroup:
    """Generators that load a server together. ``answer`` takes the commands of ``clients.worker``."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._start = SimultaneousStart(len(members), self._ask_clock)
        self._loads: dict[str, _OpenLoad] = {}
        self._thresholds = DEFAULT_THRESHOLDS

    def answer(self, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Execute one command on all generators that it concerns.

        timeout_s: for each of their answers.
        """
        match command:
            case {"do": "hello" | "prepare_populations"}:
                return self._on_all(command, timeout_s)
            case {"do": "set_thresholds", "thresholds": dict(changes)}:
                self._thresholds = Thresholds(CATALOGUE, changes)
                return {"ok": True}
            case {"do": "verify"}:
                return self._verify(command, timeout_s)
            case {"do": "open", "id": str(name)}:
                return self._open(name, command, timeout_s)
            case {"id": str(name)} if name not in self._loads:
                return {"ok": False, "error": f"id {name!r} is not open"}
            case {"do": "warm" | "discard", "id": str(name)}:
                return self._forward(name, command, timeout_s)
            case {"do": "slice", "id": str(name)}:
                return self._slice(name, command, timeout_s)
            case {"do": "raw", "id": str(name)}:
                return self._raw(name, command, timeout_s)
            case {"do": "close", "id": str(name)}:
                return self._close(name, command, timeout_s)
        return {"ok": False, "error": f"unknown command: {str(command)[:200]}"}

    def _ask(self, commands: Mapping[int, Mapping[str, Any]], timeout_s: float) -> dict[int, dict[str, Any]]:
        """Send a command to each of some members at the same time; return their answers by member."""
        for number, command in commands.items():
            self._members[number].send(command)
        return {number: self._members[number].receive(timeout_s) for number in commands}

    def _on_all(self, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        answers = self._ask(dict.fromkeys(range(len(self._members)), command), timeout_s)
        if error := self._error(answers):
            return error
        if command["do"] == "hello":
            cpus = [cpu for answer in answers.values() for cpu in answer["cpus"]]
            return {"ok": True, "cpus": cpus, "threads": sum(answer["threads"] for answer in answers.values())}
        return {"ok": True, "compile_s": max(answer["compile_s"] for answer in answers.values())}

    def _error(self, answers: Mapping[int, Mapping[str, Any]]) -> dict[str, Any] | None:
        """Return the errors of some answers as one; None if all succeeded."""
        errors = [
            f"generator {self._members[k].name}: {each['error']}" for k, each in answers.items() if not each["ok"]
        ]
        return {"ok": False, "error": "; ".join(errors)} if errors else None

    def _verify(self, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Check the server from one generator after the other: it may serve only one client at a time."""
        answer: dict[str, Any] = {}
        for number in range(len(self._members)):
            answers = self._ask({number: command}, timeout_s)
            if error := self._error(answers):
                return error
            answer = answer or answers[number]
        return answer

    def _open(self, name: str, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        if name in self._loads:
            return {"ok": False, "error": f"id {name!r} is open already; close it first"}
        has_names = "populations" in command
        try:
            specs = parse_populations(command["populations"]) if has_names else {ONLY: LoadSpec(**command["settings"])}
            load = self._divide(align_phases(specs))
        except (TypeError, ValueError) as problem:
            return {"ok": False, "error": str(problem)}
        self._loads[name] = load
        answers = self._ask({k: _open_command(name, own) for k, own in load.shares.items()}, timeout_s)
        if error := self._error(answers):
            self._abandon(name, timeout_s)
            return error
        connected = dict.fromkeys(specs, 0)
        for answer in answers.values():
            opened = answer["connected"]
            for key, count in (opened if isinstance(opened, dict) else {ONLY: opened}).items():
                connected[key] += count
        return {"ok": True, "connected": connected if has_names else connected[ONLY]}

    def _abandon(self, name: str, timeout_s: float) -> None:
        """Close a load that could not be opened everywhere. Members that have not opened it refuse, which is fine."""
        close = {"do": "close", "id": name}
        self._ask(dict.fromkeys(self._loads.pop(name).shares, close), timeout_s)

    def _divide(self, specs: dict[str, LoadSpec]) -> _OpenLoad:
        """Divide a load. Raises ValueError if the share of a generator is not a valid load."""
        divided = {key: divide(spec, len(self._members)) for key, spec in specs.items()}
        shares = {
            number: {key: share for key, own in divided.items() if (share := own[number]) is not None}
            for number in range(len(self._members))
        }
        return _OpenLoad(specs, {number: own for number, own in shares.items() if own})

    def _forward(self, name: str, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        load = self._loads[name]
        if command["do"] == "discard":
            del load.starts[-1:]
        answers = self._ask(dict.fromkeys(load.shares, command), timeout_s)
        if error := self._error(answers):
            return error
        return {"ok": True, "elapsed_s": max(answer.get("elapsed_s", 0.0) for answer in answers.values())}

    def _ask_clock(self, number: int) -> int:
        return int(self._ask({number: {"do": "clock"}}, _CLOCK_ANSWER_S)[number]["monotonic_ns"])

    def _slice(self, name: str, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        load = self._loads[name]
        start = self._start.plan(load.shares)
        own = {
            **command,
            "as_counts": True,
            "warmup_s": command["warmup_s"] + start.margin_s,
            "seconds": command["seconds"] + start.margin_s,
            "tail_s": start.margin_s,
        }
        answers = self._ask({k: {**own, "start_ns": start_ns} for k, start_ns in start.start_ns.items()}, timeout_s)
        if error := self._error(answers):
            return error
        parts = _parts(answers, load)
        merged = {key: merge_population_slices([*found.values()], load.specs[key]) for key, found in parts.items()}
        figures = {
            k: GeneratorFigures.of([found[k]["slice"] for found in parts.values() if k in found]) for k in load.shares
        }
        late_s = {k: each.late_start_us / 1e6 for k, each in figures.items()}
        load.starts.append(SliceStart(start.bound_s, start.margin_s, own["warmup_s"], late_s))
        facts = {
            "start_skew_us": 1e6 * load.starts[-1].skew_s,
            "start_margin_us": 1e6 * start.margin_s,
            "generators": {self._members[k].name: asdict(each) for k, each in figures.items()},
        }
        answer = answer_slice(merged)
        for described in answer["slices"].values() if "slices" in answer else [answer["slice"]]:
            described.update(facts)
        return answer

    def _raw(self, name: str, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return the replies of the last slice. The windows of all generators begin together."""
        shares = self._loads[name].shares
        answers = self._ask(dict.fromkeys(shares, command), timeout_s)
        if error := self._error(answers):
            return error
        rows, before = [], 0
        for number, answer in answers.items():
            rows += [[before + connection, sent_ns, got_ns] for connection, sent_ns, got_ns in answer["rows"]]
            before += sum(spec.connections for spec in shares[number].values())
        return {"ok": True, "rows": sorted(rows, key=lambda row: row[2])}

    def _close(self, name: str, command: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        load, close = self._loads.pop(name), {"do": "close", "id": name, "as_counts": True}
        answers = self._ask(dict.fromkeys(load.shares, close), timeout_s)
        if error := self._error(answers):
            return error
        parts = _parts(answers, load)
        counts = {key: merge_populations([*found.values()], load.specs[key]) for key, found in parts.items()}
        duration_s = max(each.totals.duration_s for each in counts.values())
        shares = describe_shares(parts, load.shares, load.starts, duration_s)
        context = LoadContext(
            baseline_rps=command.get("baseline_rps"),
            drops=_add_drops([answer["drops"] for answer in answers.values()], command.get("server_drops")),
            good_clock=all(answer["good_clock"] for answer in answers.values()),
            thresholds=self._thresholds,
            shortfall_share=max(each.shortfall_share for each in shares.values()),
            missing_share=max(each.missing_share for each in shares.values()),
        )
        answer = answer_close(counts, tuple(cpu for each in answers.values() for cpu in each["cpus"]), context)
        facts = {
            "start_skew_us": 1e6 * max((start.skew_s for start in load.starts), default=0.0),
            "start_margin_us": 1e6 * max((start.margin_s for start in load.starts), default=0.0),
            "generators": {self._members[k].name: asdict(each) for k, each in shares.items()},
        }
        return {**answer, **facts}


def _open_command(name: str, specs: Mapping[str, LoadSpec]) -> dict[str, Any]:
    """Return the command that opens these populations on one generator."""
    if tuple(specs) == (ONLY,):
        return {"do": "open", "id": name, "settings": asdict(specs[ONLY])}
    populations = [{"name": key, "settings": asdict(spec)} for key, spec in specs.items()]
    return {"do": "open", "id": name, "populations": populations}


def _parts(answers: Mapping[int, Mapping[str, Any]], load: _OpenLoad) -> dict[str, dict[int, Mapping[str, Any]]]:
    """Return what each generator counted, by population and number of the generator."""
    return {
        key: {k: answer["counts"][key] for k, answer in answers.items() if key in load.shares[k]} for key in load.specs
    }


def _add_drops(drops: Sequence[Mapping[str, int] | None], at_server: int | None) -> dict[str, int] | None:
    """Return the datagrams that the kernels dropped; None if that is unknown of one generator.

    at_server: None if the server may be on a generator's machine. Then all generators there see the same.
    """
    known = [each for each in drops if each is not None]
    if len(known) < len(drops) or not known:
        return None
    seen = max(each["server"] for each in known)
    return {
        "generator": sum(each["generator"] for each in known),
        "server": seen if at_server is None else at_server,
    }

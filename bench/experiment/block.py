"""One block: a fresh server of every arm, all alive side by side, and the generator that goes round them in slices.

Inside a slice nothing happens but the load: this process sleeps on the generator's answer. Reading counters, drawing
and writing come between slices.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.experiment.calibration import Rates
from bench.experiment.child_process import Child, Stranger, pin_tree
from bench.experiment.row_builder import (
    Measured,
    Place,
    histogram_rows,
    resource_row,
    slice_row,
    trial_row,
    unmeasured_row,
)
from bench.experiment.server_pool import Server, ServerError, Servers, Setup, serving, settings, verify
from bench.machine.background_load import Others
from bench.machine.process_usage import Tree, Usage
from bench.plan.definition import (
    Case,
    arms,
    arrival_seed,
    block_order,
    cases,
    limit_arms,
    round_order,
    rounds,
    skip_reason,
    takes_part,
)
from bench.schema.rows import SPOILED, Arm, HistogramRow, ResourceRow, RoundRow, SliceRow, TrialRow
from bench.store.run_folder import BlockRows

DELAYED = 0.1  # of a slice, in which others had the generator's CPU: so much spoils the round
MOST_AGAIN = 0.1  # rounds that may be run again, as a share of those wanted
_WARMUP_S = 0.005  # load on each arm before the first round: threads start, the interpreter specialises its code


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the run is, told to the display between two slices."""

    block: int
    scenario: str
    connections: int
    round: int
    row: SliceRow


@dataclass(frozen=True, slots=True)
class Ended:
    """What a case has left, told to the display when its last slice is over."""

    trials: Sequence[TrialRow]
    spoiled: int  # rounds that were hit by others and run again


Tell = Callable[[Moment | Ended], None]


@dataclass(slots=True)
class _Contender:
    """One arm inside one case."""

    place: Place
    server: Server
    usage: Usage  # of the server when its last slice ended
    slices: list[SliceRow] = field(default_factory=list)
    resources: list[ResourceRow] = field(default_factory=list)
    generator: list[ResourceRow] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def target(self) -> str:
        """What the generator calls its connections."""
        return self.place.arm.name


class Block:
    """Runs one block. The rows come out at its end, all together."""

    def __init__(self, setup: Setup, number: int, standing: Mapping[str, Servers], rates: Rates, tell: Tell) -> None:
        self._setup = setup
        self._plan = setup.plan
        self._number = number
        self._standing = standing
        self._rates = rates
        self._generator_tree = Tree(setup.generator.pid)
        self._own = self._generator_tree.usage()
        self._tell = tell
        self._watch = setup.watch
        self._slices: list[SliceRow] = []
        self._histograms: list[HistogramRow] = []
        self._resources: list[ResourceRow] = []
        self._rounds: list[RoundRow] = []
        self._trials: list[TrialRow] = []

    def run(self) -> BlockRows:
        """Run every scenario. Raises ChildError if the generator fails; a server that fails is a row."""
        limits = limit_arms(self._plan)
        for scenario in block_order(self._plan, self._number):
            with serving(self._setup, scenario, [arm for arm in arms(self._plan) if arm not in limits]) as servers:
                for case in cases(self._plan, scenario):
                    trials, rounds_before = len(self._trials), len(self._rounds)
                    self._run_case(case, {**servers, **self._standing[scenario.protocol]})
                    spoiled = sum(row.spoiled for row in self._rounds[rounds_before:])
                    self._tell(Ended(self._trials[trials:], spoiled))
        return BlockRows(self._slices, self._histograms, self._resources, self._rounds, self._trials)

    def _run_case(self, case: Case, servers: Servers) -> None:
        contenders = []
        for arm in arms(self._plan):
            rate_rps = self._rates.of_arms.get((case, arm))
            place = Place(self._plan, self._setup.placement, self._number, arm, case, rate_rps)
            reason = skip_reason(self._plan, arm, case, self._setup.models)
            server = servers.get(arm, "")
            if reason:
                self._trials.append(unmeasured_row(place, "skipped", reason))
            elif isinstance(server, str):
                self._trials.append(unmeasured_row(place, "failed", server))
            elif case.scenario.loop == "open" and rate_rps is None:
                self._trials.append(unmeasured_row(place, "failed", "had no capacity when the rates were calibrated"))
            else:
                contenders.append(_Contender(place, server, server.tree.usage()))
        for contender in contenders:
            self._guarded(contender, self._open)
        transports = [contender.server.arm.transport for contender in contenders]
        wanted = rounds(self._plan, case)
        counted, number = 0, 0
        others = Others(self._setup.placement.server)
        while counted < wanted:
            order = round_order(self._plan, self._number, case, number, transports)
            taking_part = [k for k in order if takes_part(self._plan, contenders[k].place.arm, counted)]
            again = number - counted < MOST_AGAIN * wanted  # a machine that is always hit is measured all the same
            counted += self._round(case, number, [contenders[k] for k in taking_part], again=again)
            number += 1
        unseen = any(isinstance(one.server.child, Stranger) for one in contenders)  # it may be one of those others
        foreign_share = others.share() if self._setup.placement.disjoint and not unseen else math.nan
        for contender in contenders:
            self._guarded(contender, lambda one: self._finish(one, self._ceiling_rps(contenders, one), foreign_share))
            if contender.failure:  # before or in its last step; what is finished stays finished
                self._trials.append(unmeasured_row(contender.place, "failed", contender.failure))

    def _round(self, case: Case, number: int, contenders: Sequence[_Contender], *, again: bool) -> bool:
        """One slice of each, in this order. Returns whether it counts; if not, its slices stay, marked.

        again: it may be called spoiled, and be run again.
        """
        self._watch.begin()
        for position, contender in enumerate(contenders):
            self._guarded(contender, lambda one: self._slice(one, number, position))  # noqa: B023 - called now
        weather = self._watch.end()
        run_delay_share = max((one.slices[-1].run_delay_share for one in contenders if not one.failure), default=0.0)
        spoiled = again and (weather.spoiled or run_delay_share > DELAYED)
        self._rounds.append(
            RoundRow(
                block=self._number,
                round=number,
                scenario=case.scenario.name,
                connections=case.connections,
                message_bytes=case.message_bytes,
                canary_us=weather.canary_us,
                canary_share=weather.canary_share,
                stolen_share=weather.stolen_share,
                run_delay_share=run_delay_share,
                pressure_share=weather.pressure_share,
                spoiled=spoiled,
            )
        )
        if spoiled:
            for contender in contenders:
                self._guarded(contender, self._forget)
        return not spoiled

    def _forget(self, contender: _Contender) -> None:
        """Keep the rows of the last slice, marked, and count nothing of it."""
        last = contender.slices.pop()
        self._slices.append(replace(last, codes=SPOILED))
        self._resources.append(contender.resources.pop())
        contender.elapsed_s.pop()
        self._setup.ask({"do": "forget", "id": contender.target})

    def _guarded(self, contender: _Contender, step: Callable[[_Contender], None]) -> None:
        """Take a step with one arm unless it has failed; if it fails now, the others go on without it."""
        if contender.failure:
            return
        try:
            if not contender.server.child.alive:
                raise ServerError("ended while it was measured")
            step(contender)
        except ServerError as error:
            words = contender.server.child.last_words()
            contender.failure = f"{error}; its last words were: {words}"
            self._setup.ask({"do": "close", "id": contender.target})

    def _open(self, contender: _Contender) -> None:
        place = contender.place
        if contender.server.outside is not None:  # it may serve one client at a time, and not say so
            persistent = place.case.scenario.lifecycle == "persistent"
            verify(self._setup, contender.server, place.case, min(2, place.case.connections) if persistent else 1)
        asked = settings(self._setup, contender.server, place.case, place.rate_rps or 0.0)
        answer = self._setup.ask({"do": "open", "id": contender.target, "settings": asked})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        wanted = contender.place.case.connections
        if contender.place.case.scenario.lifecycle == "persistent" and answer["standing"] < wanted:
            raise ServerError(f"{answer['standing']} of {wanted} connections could be opened")
        if isinstance(contender.server.child, Child):
            pin_tree(contender.server.child.pid, self._setup.placement.server)  # workers that were forked since
        self._setup.ask({"do": "warm", "id": contender.target, "seconds": _WARMUP_S})
        contender.usage, self._own = contender.server.tree.settled_usage(), self._generator_tree.usage()

    def _slice(self, contender: _Contender, number: int, position: int) -> None:
        plan, server = self._plan, contender.server
        seconds, warmup_s = plan.slice_s, plan.slice_warmup_s
        seed = arrival_seed(plan, self._number, contender.place.case, number)
        lengths = {"seconds": seconds, "warmup_s": warmup_s}
        answer = self._setup.ask({"do": "slice", "id": contender.target, "seed": seed, **lengths})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        # At rest since its last slice, a server stands where that left it; so one reading serves two borders.
        usage, own = server.tree.settled_usage(), self._generator_tree.usage()
        row = slice_row(contender.place, number, position, answer["slice"], usage.cpu_ns - contender.usage.cpu_ns)
        contender.slices.append(row)
        contender.elapsed_s.append(answer["slice"]["elapsed_s"])
        contender.resources.append(resource_row(contender.place, number, "server", contender.usage, usage))
        contender.generator.append(resource_row(contender.place, number, "generator", self._own, own))
        contender.usage, self._own = usage, own
        case = contender.place.case
        self._tell(Moment(self._number, case.scenario.name, case.connections, number, row))

    def _ceiling_rps(self, contenders: Sequence[_Contender], contender: _Contender) -> float | None:
        """What the generator reached with the server that shows the limit: in this block; open loop: beforehand."""
        place = contender.place
        if place.rate_rps is not None:
            return self._rates.ceilings.get((place.case, place.arm.transport))
        limit = Arm(self._plan.limit, place.arm.transport)
        found = [row.throughput_rps for one in contenders if one.place.arm == limit for row in one.slices]
        return statistics.median(found) if found else None

    def _finish(self, contender: _Contender, ceiling_rps: float | None, foreign_share: float) -> None:
        memory_mb = contender.server.tree.memory_mb()
        answer = self._setup.ask({"do": "close", "id": contender.target, "ceiling_rps": ceiling_rps})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        measured = Measured(
            ready=contender.server.ready,
            slices=contender.slices,
            resources=contender.resources,
            document=answer["document"],
            elapsed_s=sum(contender.elapsed_s),
            memory_mb=memory_mb,
            foreign_share=foreign_share,
        )
        self._trials.append(trial_row(contender.place, measured))
        self._slices += contender.slices
        self._resources += contender.resources + contender.generator
        self._histograms += histogram_rows(contender.place, answer["histograms"])

"""A run: all blocks of a plan, one after the other, into a folder."""

import contextlib
import importlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import environment
from bench.block import Block
from bench.calibrate import by_case, rates
from bench.canary import Watch
from bench.enough import is_enough, width_now
from bench.limit import limits
from bench.placement import cores, place
from bench.plan import Plan, cases, check, loaded_s, slices
from bench.processes import (
    READY_S,
    Child,
    ChildError,
    awake_command,
    generator_command,
    pinned,
    raise_descriptor_limit,
)
from bench.progress import shown
from bench.serving import Setup, standing
from bench.store import RunFolder, StoreError
from servers import registry
from servers.registry import Description

_COMPILE_S = 300.0  # the very first run on a machine compiles the generator


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind."""

    folder: RunFolder
    blocks: int
    searches: int = 0  # rounds of them
    failure: str = ""  # why the run ended before its time, but for Ctrl-C
    interrupted: bool = False


def models() -> dict[str, Description]:
    """The server models there are, by name; none is imported."""
    return {name: registry.describe(name) for name in registry.names()}


def run(plan: Plan, into: Path, usable_cpus: list[int], console: Console) -> Outcome:
    """Measure the plan. Ctrl-C ends the run cleanly: the block under way is dropped, finished ones stay.

    Raises PlanError before anything is started, ChildError if the generator does not start, StoreError if there can be
    no folder. What fails later ends the run likewise, and is told in the outcome.
    """
    known = models() | {one.name: one.described() for one in plan.outside}
    check(plan, known)
    placement = place(usable_cpus, cores(usable_cpus))
    raise_descriptor_limit()
    generator = Child("the load generator", generator_command(placement.client), placement.client, writes=True)
    with generator, contextlib.ExitStack() as stack:
        console.print("getting the load generator ready (on a new machine it is compiled first) ...")
        importlib.import_module("bench.derive")  # two seconds, while the generator takes its own
        generator.read_line(_COMPILE_S)
        generator.ask({"do": "judge_by", "thresholds": plan.thresholds}, READY_S)
        if plan.awake and placement.disjoint:
            stack.enter_context(_kept_awake(placement.server, console))
        folder = RunFolder.create(into, plan, environment.describe(placement))
        load = f"{loaded_s(plan, known):.0f} s of load in {plan.blocks} block{'s' * (plan.blocks != 1)}"
        if plan.until:
            load = f"blocks until intervals are ±{100 * plan.until:g} %, for {plan.at_most_min:g} minutes at most"
        console.print(f"{load}, into {folder.path}", soft_wrap=True, highlight=False)
        with pinned(placement.client):  # this process is awake only between slices, and never on the servers' CPUs
            watch = Watch(placement.client + placement.server)
            return _blocks(Setup(plan, known, placement, generator, watch), folder, console)


@contextlib.contextmanager
def _kept_awake(cpus: Sequence[int], console: Console) -> Iterator[None]:
    """Keep CPUs from halting, unless that would take them from the servers."""
    with Child("the loop that keeps CPUs awake", awake_command(cpus), cpus, writes=True) as loop:
        loop.read_line(READY_S)
        with Child("the trial of that loop", awake_command(cpus, trial=True), cpus) as trial:
            found = trial.read_line(READY_S)
        if found["gives_way"]:
            yield
            return
    console.print(
        f"the servers' CPUs are left to halt: a loop that keeps them awake left {found['share']:.0%} of one to others, "
        f"who woke up within {found['wake_us']:.0f} us",
        soft_wrap=True,
        highlight=False,
    )
    yield


def _blocks(setup: Setup, folder: RunFolder, console: Console) -> Outcome:
    finished, searched, plan, began_s = 0, 0, setup.plan, time.monotonic()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False)

    try:
        with standing(setup) as standing_limits:
            found = rates(setup, standing_limits, say)
            folder.write_rates(found)
            blocks = 0 if plan.until else plan.blocks  # how many there will be is not known then
            with shown(console, slices(plan, setup.models) * blocks, blocks) as tell:
                for number in range(plan.blocks if cases(plan) else 0):
                    folder.append(Block(setup, number, standing_limits, by_case(setup, found), tell).run())
                    finished += 1
                    if plan.until:
                        width = width_now(plan, folder, finished)
                        if math.isfinite(width):
                            say(f"{finished} blocks: intervals are ±{width:.1%} at most; wanted: ±{plan.until:.1%}")
                        if is_enough(plan, width, time.monotonic() - began_s):
                            break
            for rows in limits(setup, standing_limits, say):
                folder.append_limits(rows)
                searched += 1
    except KeyboardInterrupt:
        return Outcome(folder, finished, searched, interrupted=True)
    except (ChildError, StoreError) as error:
        return Outcome(folder, finished, searched, failure=str(error))
    return Outcome(folder, finished, searched)

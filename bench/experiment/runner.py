"""A run: all blocks of a plan, one after the other, into a folder."""

import contextlib
import importlib
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from bench.cli.console import say
from bench.cli.progress import shown
from bench.experiment.block import Block
from bench.experiment.calibration import Rates, by_case, rates
from bench.experiment.child_process import (
    READY_S,
    Child,
    ChildError,
    awake_command,
    generator_command,
    raise_descriptor_limit,
)
from bench.experiment.rate_search import limits
from bench.experiment.server_pool import Servers, Setup, start_baselines
from bench.experiment.stopping_rule import is_enough, width_now
from bench.machine import environment
from bench.machine.affinity import pinned
from bench.machine.cpu_layout import cores, place
from bench.machine.doctor import findings, troubles
from bench.machine.noise_probe import NoiseProbe
from bench.plan.definition import LEAST_WORKERS, Plan, cases, check, loaded_s, slices
from bench.store.run_folder import BlockRows, RunFolder, StoreError
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


def models(plan: Plan | None = None) -> dict[str, Description]:
    """The server models there are, and the plan's servers of others, by name; none is imported."""
    own = {name: registry.describe(name) for name in registry.names()}
    return own | {one.name: one.described() for one in (plan.external_servers if plan is not None else ())}


def run(plan: Plan, into: Path, usable_cpus: list[int], console: Console) -> Outcome:
    """Measure the plan. Ctrl-C ends the run cleanly: the block under way is dropped, finished ones stay.

    Raises PlanError before anything is started, ChildError if the generator does not start, StoreError if there can be
    no folder. What fails later ends the run likewise, and is told in the outcome.
    """
    return _measured(plan, lambda machine: RunFolder.create(into, plan, machine), usable_cpus, console)


def resume(folder: RunFolder, usable_cpus: list[int], console: Console) -> Outcome:
    """Measure what is missing of a run: with its plan, its seed and its rates, block by block in the same order.

    folder: reopened. Raises as ``run`` does.
    """

    def go_on(machine: Mapping[str, Any]) -> RunFolder:
        for line in environment.differences(folder.read().environment, machine):
            say(console, f"not as when the run began: {line}")
        folder.record_resume(machine)
        return folder

    return _measured(folder.read().plan, go_on, usable_cpus, console)


def _measured(
    plan: Plan, folder_on: Callable[[Mapping[str, Any]], RunFolder], usable_cpus: list[int], console: Console
) -> Outcome:
    """Start the generator and measure. folder_on: gives the run's folder, once it is known on which machine."""
    known = models(plan)
    check(plan, known)
    placement = place(usable_cpus, cores(usable_cpus))
    workers = plan.workers or max(LEAST_WORKERS, len(placement.server))
    plan = msgspec.structs.replace(plan, workers=workers)  # known here; the folder keeps the plan as it was asked for
    raise_descriptor_limit()
    generator = Child("the load generator", generator_command(placement.client), placement.client, writes=True)
    with generator, contextlib.ExitStack() as stack:
        console.print("getting the load generator ready (on a new machine it is compiled first) ...")
        for one in troubles(findings()):  # half a second, while the generator takes one
            say(console, f"holabench doctor: {one.name}: {one.value}; {one.why}. To do: {one.remedy}")
        importlib.import_module("bench.report.build")  # and half a second more
        generator.read_line(_COMPILE_S)
        generator.ask({"do": "set_thresholds", "thresholds": plan.thresholds}, READY_S)
        if plan.awake and placement.disjoint:
            stack.enter_context(_kept_awake(placement.server, console))
        folder = folder_on(environment.describe(placement))
        finished = len(folder.read().finished_blocks)
        left = plan.blocks - finished
        load_s = loaded_s(plan, known) * left / plan.blocks
        load = f"{load_s:.0f} s of load in {left} block{'s' * (left != 1)}" + (" that are missing" if finished else "")
        if plan.until:
            load = f"blocks until intervals are ±{100 * plan.until:g} %, for {plan.at_most_min:g} minutes at most"
        if not load_s:
            load = "a search for the highest rate"
        say(console, f"{load}, into {folder.path}")
        with pinned(placement.client):  # this process is awake only between slices, and never on the servers' CPUs
            probe = NoiseProbe(placement.client + placement.server)
            return _blocks(Setup(plan, known, placement, generator, probe), folder, console)


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
    say(
        console,
        f"the servers' CPUs are left to halt: a loop that keeps them awake left {found['share']:.0%} of one to others, "
        f"who woke up within {found['wake_us']:.0f} us",
    )
    yield


def _blocks(setup: Setup, folder: RunFolder, console: Console) -> Outcome:
    """Run the blocks that the folder does not have, then the searches."""
    resumed = folder.read()
    done, searched, tell = set(resumed.finished_blocks), 0, partial(say, console)
    try:
        with start_baselines(setup) as baseline_servers:
            found = resumed.rates
            if found is None:
                found = rates(setup, baseline_servers, tell)
                folder.write_rates(found)
            for number, rows in _missing(setup, folder, done, baseline_servers, by_case(setup, found), console):
                folder.append(rows)
                done.add(number)
            for of_round in limits(setup, baseline_servers, tell):
                folder.append_max_rates(of_round)
                searched += 1
            folder.mark_complete(len(done))
    except KeyboardInterrupt:
        return Outcome(folder, len(done), searched, interrupted=True)
    except (ChildError, StoreError) as error:
        return Outcome(folder, len(done), searched, failure=str(error))
    return Outcome(folder, len(done), searched)


def _missing(
    setup: Setup,
    folder: RunFolder,
    done: Collection[int],
    baseline_servers: Mapping[str, Servers],
    found: Rates,
    console: Console,
) -> Iterator[tuple[int, BlockRows]]:
    """The blocks that are missing, one after the other, until the intervals are narrow if that was asked for.

    done: the blocks that are there; whoever takes a block adds it.
    """
    plan, began_s = setup.plan, time.monotonic()
    numbers = [number for number in range(plan.blocks if cases(plan) else 0) if number not in done]
    blocks = 0 if plan.until else plan.blocks  # how many there will be is not known then
    with shown(console, slices(plan, setup.models) * len(numbers) * bool(blocks), blocks) as tell:
        for number in numbers:
            if plan.until and done:
                width = width_now(plan, folder, len(done))
                if math.isfinite(width):
                    line = f"{len(done)} blocks: intervals are ±{width:.1%} at most; wanted: ±{plan.until:.1%}"
                    say(console, line)
                if is_enough(plan, width, time.monotonic() - began_s):
                    return
            yield number, Block(setup, number, baseline_servers, found, tell).run()

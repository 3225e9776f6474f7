"""A run: all blocks of a plan, one after the other, into a folder."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import environment
from bench.block import Block
from bench.placement import Placement, cores, place
from bench.plan import Plan, arms, cases, check, loaded_s, rounds, skip_reason
from bench.processes import Child, ChildError, generator_command, pinned, raise_descriptor_limit
from bench.progress import shown
from bench.store import RunFolder, StoreError
from servers import registry
from servers.registry import Description

_COMPILE_S = 300.0  # the very first run on a machine compiles the generator


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind."""

    folder: RunFolder
    blocks: int
    failure: str = ""  # why the run ended before its time, but for Ctrl-C
    interrupted: bool = False


def models() -> dict[str, Description]:
    """The server models there are, by name; none is imported."""
    return {name: registry.describe(name) for name in registry.names()}


def slices_of(plan: Plan, known: Mapping[str, Description]) -> int:
    """How many slices a run has."""
    per_block = sum(
        rounds(plan, case) for case in cases(plan) for arm in arms(plan) if not skip_reason(arm, case, known)
    )
    return per_block * plan.blocks


def run(plan: Plan, into: Path, usable_cpus: list[int], console: Console) -> Outcome:
    """Measure the plan. Ctrl-C ends the run cleanly: the block under way is dropped, finished ones stay.

    Raises PlanError before anything is started, ChildError if the generator does not start, StoreError if there can be
    no folder. What fails later ends the run likewise, and is told in the outcome.
    """
    known = models()
    check(plan, known)
    placement = place(usable_cpus, cores(usable_cpus))
    raise_descriptor_limit()
    generator = Child("the load generator", generator_command(placement.client), placement.client, writes=True)
    with generator:
        console.print("getting the load generator ready (on a new machine it is compiled first) ...")
        importlib.import_module("bench.derive")  # two seconds, while the generator takes its own
        generator.read_line(_COMPILE_S)
        folder = RunFolder.create(into, plan, environment.describe(placement))
        load = f"{loaded_s(plan, known):.0f} s of load in {plan.blocks} block{'s' * (plan.blocks != 1)}"
        console.print(f"{load}, into {folder.path}", soft_wrap=True, highlight=False)
        with pinned(placement.client):  # this process is awake only between slices, and never on the servers' CPUs
            return _blocks(plan, known, placement, generator, folder, console)


def _blocks(
    plan: Plan,
    known: Mapping[str, Description],
    placement: Placement,
    generator: Child,
    folder: RunFolder,
    console: Console,
) -> Outcome:
    finished = 0
    try:
        with shown(console, slices_of(plan, known), plan.blocks) as tell:
            for number in range(plan.blocks):
                folder.append(Block(plan, number, known, placement, generator, tell).run())
                finished += 1
    except KeyboardInterrupt:
        return Outcome(folder, finished, interrupted=True)
    except (ChildError, StoreError) as error:
        return Outcome(folder, finished, failure=str(error))
    return Outcome(folder, finished)

"""A run: all blocks of a schedule and its searches, into a folder."""

import contextlib
import importlib
import math
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from bench.experiment.block import Block
from bench.experiment.calibration import Calibration, calibrate, lengths_by_case
from bench.experiment.child_process import ChildError
from bench.experiment.external_probe import probe_external_servers, warn_about_unserved
from bench.experiment.generator_process import Generator, local_generator
from bench.experiment.keep_awake import keep_cpus_awake
from bench.experiment.kernel_memory import holds_connections
from bench.experiment.model_catalogue import known_models
from bench.experiment.network_look import network_facts, report_findings
from bench.experiment.observer import RunObserver
from bench.experiment.output_file import bounding_all
from bench.experiment.rate_calibration import rates_by_load
from bench.experiment.rate_search import search_max_rates
from bench.experiment.remote_side import Probe, RemoteSide
from bench.experiment.run_context import RunContext
from bench.experiment.server import Servers
from bench.experiment.server_pool import baseline_servers
from bench.experiment.stopping_rule import current_precision, should_stop
from bench.experiment.termination import termination_as_keyboard_interrupt
from bench.experiment.work_units import measure_work_units
from bench.formatting import format_duration, plural
from bench.machine import environment
from bench.machine.affinity import pinned
from bench.machine.child_environment import speed_variables
from bench.machine.cpu_layout import Placement, place_here, place_servers
from bench.machine.doctor import findings, problems
from bench.machine.fd_limit import hard_limit, raise_soft_limit
from bench.machine.free_memory import free_memory_mb
from bench.machine.noise_probe import NoiseProbe
from bench.machine.socket_size import SocketSize, measure_socket_size
from bench.plan.definition import Plan
from bench.plan.host_limits import HostLimits
from bench.plan.schedule import ONE_HOST, Hosts, Schedule, describe_turns, resolve
from bench.plan.slice_lengths import Lengths
from bench.plan.time_budget import backlog_s, duration_s, fit, slices_per_block
from bench.plan.time_costs import network_s
from bench.schema.load_time import LoadTime
from bench.store.run_folder import BlockRows, RunFolder, StoreError

# They are imported while the generator starts, which takes as long. Otherwise they would be imported between blocks.
_PRELOADED = ("bench.analysis.comparisons", "scipy.special")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    folder: RunFolder
    blocks: int
    searches: int = 0  # rounds of searches
    failure: str = ""  # why the run stopped too early, unless it was interrupted
    interrupted: bool = False
    complete: bool = False  # everything was measured, even if an interrupt followed


@dataclass(slots=True)
class _Progress:
    """The measurements of a run so far. An interrupt may come at any moment, also while its servers are stopped."""

    folder: RunFolder | None = None  # None before the first block
    blocks: set[int] = field(default_factory=set)
    searches: int = 0
    failure: str = ""
    start_s: float = field(default_factory=time.monotonic)

    def load_time(self, generator: Generator, calibration_s: float) -> LoadTime:
        """Return how much of the time since the start was load. calibration_s: loads before the first block."""
        return LoadTime(generator.load_s - calibration_s, time.monotonic() - self.start_s, generator.repeated_s)

    def outcome(self, folder: RunFolder, *, interrupted: bool = False) -> Outcome:
        """Return the outcome of a run that ends now."""
        complete = folder.read().complete
        return Outcome(folder, len(self.blocks), self.searches, self.failure, interrupted, complete)


def run(
    plan: Plan,
    output_dir: Path,
    usable_cpus: list[int],
    observer: RunObserver,
    minutes: float | None = None,
    remote: RemoteSide | None = None,
) -> Outcome:
    """Measure a plan that has a seed.

    Ctrl-C, SIGTERM and SIGHUP end the run cleanly: finished blocks are kept. Raises KeyboardInterrupt if one comes
    before the folder exists, PlanError before anything is measured, ChildError if the generator does not start, and
    StoreError if the folder cannot be created. Later failures end the run, and are in the outcome.

    minutes: a time budget. The plan fits if all arms have the plan's slices. If some turn out to need longer ones, the
    plan is fitted again, which may raise PlanError after the calibration. remote: the generators, if they are on other
    machines than the servers.
    """

    def create_folder(final: Plan, machine: Mapping[str, Any]) -> RunFolder:
        return RunFolder.create(output_dir, final, machine)

    return _execute(plan, create_folder, usable_cpus, observer, minutes=minutes, remote=remote)


def resume(
    folder: RunFolder, usable_cpus: list[int], observer: RunObserver, remote: RemoteSide | None = None
) -> Outcome:
    """Measure the missing blocks of a run.

    Plan, seed, rates and order are those of the run.

    folder: reopened. remote: as for ``run``. Raises the errors of ``run``.
    """

    def continue_folder(_: Plan, machine: Mapping[str, Any]) -> RunFolder:
        for line in environment.differences(folder.read().environment, machine):
            observer.on_warning(f"the environment has changed since the run started: {line}")
        folder.record_resume(machine)
        return folder

    plan, recorded = folder.read().plan, recorded_calibration(folder)
    return _execute(plan, continue_folder, usable_cpus, observer, recorded=recorded, remote=remote)


def recorded_calibration(folder: RunFolder) -> Calibration | None:
    """Return the calibration of an interrupted run; None if it was not finished.

    A run with blocks but without lengths is of an older version, which gave every arm the plan's slices.
    """
    run = folder.read()
    if run.slice_lengths is None and not run.finished_blocks:
        return None
    return Calibration(run.rates or [], run.slice_lengths or [])


def _execute(
    plan: Plan,
    open_folder: Callable[[Plan, Mapping[str, Any]], RunFolder],
    usable_cpus: list[int],
    observer: RunObserver,
    *,
    minutes: float | None = None,
    recorded: Calibration | None = None,
    remote: RemoteSide | None = None,
) -> Outcome:
    """Resolve the plan, start the generator, calibrate and measure.

    open_folder: returns the folder, given the plan as its external servers can serve it, and the environment. minutes:
    see ``run``. recorded: calibration of a run that is resumed.
    """
    progress = _Progress()
    try:
        return _execute_steps(plan, open_folder, usable_cpus, observer, progress, minutes, recorded, remote)
    except KeyboardInterrupt:
        if progress.folder is None:
            raise
        return progress.outcome(progress.folder, interrupted=True)


def _execute_steps(
    plan: Plan,
    open_folder: Callable[[Plan, Mapping[str, Any]], RunFolder],
    usable_cpus: list[int],
    observer: RunObserver,
    progress: _Progress,
    minutes: float | None,
    recorded: Calibration | None,
    remote: RemoteSide | None,
) -> Outcome:
    placement = place_here(usable_cpus) if remote is None else place_servers(usable_cpus)
    hosts, address = (remote.hosts, remote.server_address) if remote else (ONE_HOST, "")
    may_refuse = recorded is None
    schedule = _resolve(plan, placement, hosts, may_refuse=may_refuse)
    raise_soft_limit()
    with termination_as_keyboard_interrupt(), contextlib.ExitStack() as stack:
        generator = stack.enter_context(_start_generator(schedule, observer, remote))
        probe: Probe = NoiseProbe(placement.generator + placement.server)
        probe = remote.probe(probe) if remote else probe
        if plan.keep_awake and schedule.cpus_disjoint:
            stack.enter_context(keep_cpus_awake(schedule.server_cpus, observer))
        if any(server.command for server in plan.external_servers):
            with pinned(placement.generator):  # its thread inherits that, and stays away from servers
                stack.enter_context(bounding_all())
        failures: Mapping[tuple[str, str, str], str] = {}
        warned: set[str] = set()
        if plan.external_servers:
            unprobed = RunContext(schedule, generator, probe, observer, warned=warned, server_address=address)
            probed = probe_external_servers(unprobed, plan, may_refuse=may_refuse)
            plan, failures = probed.plan, probed.failures
            schedule = _resolve(plan, placement, hosts)
            warn_about_unserved(schedule, observer)
        machine = environment.describe(placement) | (dict(remote.facts) if remote else {})
        if units := measure_work_units(schedule):
            machine["work_units"] = units
        socket_size = _measure_socket_size(schedule)
        if socket_size is not None:
            machine["tcp_socket"] = asdict(socket_size)
        _report_variables(plan, observer)
        stack.enter_context(pinned(placement.generator))  # this process only runs between slices, and away from servers
        wire = remote.wire if remote else None
        context = RunContext(schedule, generator, probe, observer, failures, warned, socket_size, address, wire)
        baselines = stack.enter_context(baseline_servers(context))
        machine |= network_facts(context, baselines, placement, remote, is_new=recorded is None)
        if recorded is None:
            observer.on_message("measuring how long replies take, which decides the length of slices ...")
        calibration = recorded or calibrate(context, baselines)
        lengths = lengths_by_case(calibration.lengths)
        fitted = plan if minutes is None else _fit_again(context, minutes, lengths)
        if fitted != plan:
            plan, context = fitted, replace(context, schedule=_resolve(fitted, placement, hosts))
        folder = open_folder(plan, machine)
        progress.folder, progress.blocks = folder, set(folder.read().finished_blocks)
        if folder.lock_warning:
            observer.on_warning(folder.lock_warning)
        if recorded is None:
            folder.write_calibration(calibration.rates, calibration.lengths)
        observer.on_folder_change(folder.path)
        _report_lengths(context, lengths)
        text = _load_text(context.schedule, len(progress.blocks), lengths)
        observer.on_message(text if remote else f"{text}, into {folder.path}")
        _measure(context, folder, baselines, calibration, progress)
        return progress.outcome(folder)


def _fit_again(context: RunContext, minutes: float, lengths: Lengths) -> Plan:
    """Return the plan for a time budget, now that lengths of slices and machines are known. Raises PlanError."""
    plan, look_s = context.schedule.plan, network_s(len(context.schedule.hosts.generators))
    is_longer = any(
        length.is_longer(plan, plan.scenario(point.scenario)) or backlog_s(plan, point, length)
        for (point, _), length in lengths.items()
    )
    if not is_longer and not look_s:
        return plan
    return fit(plan, minutes - look_s / 60, known_models(plan, may_refuse=False), lengths)


def _resolve(plan: Plan, placement: Placement, hosts: Hosts, *, may_refuse: bool = False) -> Schedule:
    """Return the schedule. may_refuse: whether it may raise PlanError about the program of an external server."""
    return resolve(
        plan,
        known_models(plan, may_refuse=may_refuse),
        server_cpus=placement.server,
        generator_cpus=placement.generator,
        limits=HostLimits(hard_limit(), free_memory_mb()),
        share_core=placement.shares_core,
        hosts=hosts,
    )


@contextlib.contextmanager
def _start_generator(schedule: Schedule, observer: RunObserver, remote: RemoteSide | None) -> Iterator[Generator]:
    """Start the generator, and check the machine while it starts."""
    longest_s, cpus = schedule.longest_timeout_s, schedule.generator_cpus
    with remote.start(longest_s) if remote else local_generator(cpus, longest_s) as generator:
        if remote is None:
            observer.on_message("preparing the load generator (compiled on the first use on this machine) ...")
        report_findings(remote.findings if remote else (), observer)
        for finding in () if remote else problems(findings()):  # the remote side has looked at all machines
            fix = f"To fix it: {finding.remedy}"
            observer.on_warning(f"holabench doctor: {finding.name}: {finding.value}; {finding.why}. {fix}")
        for module in _PRELOADED:
            importlib.import_module(module)
        generator.await_ready()
        generator.set_thresholds(schedule.plan.thresholds)
        if any(scenario.scenario.populations for scenario in schedule.scenarios):
            observer.on_message("preparing the load generator for populations (compiled on the first use) ...")
            generator.prepare_populations()
        yield generator


def _measure_socket_size(schedule: Schedule) -> SocketSize | None:
    """Return the memory of a socket on this machine, if a load asks for it."""
    loads = [load for scenario in schedule.scenarios for load in scenario.loads]
    return measure_socket_size() if any(map(holds_connections, loads)) else None


def _report_variables(plan: Plan, observer: RunObserver) -> None:
    """Report variables of the user's environment that change the speed of programs."""
    names = ", ".join(speed_variables(os.environ))
    if not names:
        return
    started = [server.name for server in plan.external_servers if server.command]
    if started:
        observer.on_warning(
            f"{names} may change the speed of {', '.join(started)}, and not of the models, which run without; unset it "
            "for a fair comparison"
        )
    else:
        observer.on_message(f"the models run without {names}")


def _report_lengths(context: RunContext, lengths: Lengths) -> None:
    """Report the arms with longer slices than the plan's, and those that are skipped for their length."""
    plan = context.schedule.plan
    for line in describe_turns(context.schedule):
        context.observer.on_message(line)
    for load in [*context.schedule.block_loads, *context.schedule.searches]:
        of_load = {arm: lengths[load.point, arm] for arm in context.schedule.arms if (load.point, arm) in lengths}
        for arm, length in of_load.items():
            if length.skip_reason:
                context.observer.on_warning(f"{arm.display_name} in {load.point}: skipped, {length.skip_reason}")
        longer = [
            f"{arm.display_name} {length.slice_s:.3g} s"
            for arm, length in of_load.items()
            if length.is_longer(plan, load.scenario) and not length.skip_reason
        ]
        if longer:
            context.observer.on_message(
                f"{load.point}: longer slices, because replies are slow or rare: {', '.join(longer)}"
            )


def _load_text(schedule: Schedule, finished: int, lengths: Lengths) -> str:
    """Return how much a run measures: ``6 blocks, about 50 s``. The duration is that of the whole run."""
    plan = schedule.plan
    if not schedule.block_loads:
        return "searching the max rate"
    if plan.target_precision:
        return (
            f"blocks until all intervals are within ±{100 * plan.target_precision:g}%, up to {plan.max_minutes:g} min"
        )
    remaining = plan.blocks - finished
    blocks = plural(remaining, "missing block" if finished else "block")
    models = known_models(plan, may_refuse=False)
    seconds = duration_s(msgspec.structs.replace(plan, blocks=remaining), models, lengths)
    return f"{blocks}, about {format_duration(seconds + network_s(len(schedule.hosts.generators)))}"


def _measure(
    context: RunContext,
    folder: RunFolder,
    baselines: Mapping[str, Servers],
    calibration: Calibration,
    progress: _Progress,
) -> None:
    """Run the blocks that the folder lacks, then the searches."""
    lengths, calibration_s = lengths_by_case(calibration.lengths), context.generator.load_s
    try:
        for number, rows in _remaining_blocks(context, folder, progress.blocks, baselines, calibration):
            folder.append(rows)
            progress.blocks.add(number)
            context.observer.on_folder_change(folder.path)
        for search_rows in search_max_rates(context, baselines, lengths):
            folder.append_max_rates(search_rows)
            context.observer.on_folder_change(folder.path)
            progress.searches += 1
        folder.mark_complete(len(progress.blocks), progress.load_time(context.generator, calibration_s))
        context.observer.on_folder_change(folder.path)
    except (ChildError, StoreError) as error:
        progress.failure = str(error)


def _remaining_blocks(
    context: RunContext,
    folder: RunFolder,
    done: Collection[int],
    baselines: Mapping[str, Servers],
    calibration: Calibration,
) -> Iterator[tuple[int, BlockRows]]:
    """Yield the missing blocks with their numbers.

    A target precision ends them earlier.

    done: numbers of the finished blocks; the caller adds each block that it takes.
    """
    schedule, plan = context.schedule, context.schedule.plan
    if not schedule.block_loads:
        return
    rates, lengths = rates_by_load(schedule, calibration.rates), lengths_by_case(calibration.lengths)
    missing = [number for number in range(plan.blocks) if number not in done]
    if plan.target_precision:
        context.observer.on_run_start(None, None, schedule.thresholds)
    else:
        slices = slices_per_block(plan, known_models(plan, may_refuse=False), lengths) * len(missing)
        context.observer.on_run_start(slices, plan.blocks, schedule.thresholds)
    start_s = time.monotonic()
    for number in missing:
        if plan.target_precision and done:
            precision = current_precision(schedule, folder, len(done))
            if math.isfinite(precision):
                context.observer.on_message(
                    f"after {plural(len(done), 'block')} all intervals are within ±{precision:.1%} "
                    f"(target: ±{plan.target_precision:.1%})"
                )
            if should_stop(plan, precision, time.monotonic() - start_s):
                return
        block = Block(context, number, baselines, rates, lengths)
        yield number, block.run()
        if block.lost:
            raise ChildError(block.lost)

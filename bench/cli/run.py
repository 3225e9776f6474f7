"""``holabench run``: measure a plan, then render its results."""

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from bench.cli import options
from bench.cli.console import print_line, stderr_console, stdout_console
from bench.cli.language import Language
from bench.cli.open_fleet import FleetOptions, open_fleet
from bench.cli.outcome import INTERRUPTED, finish_run
from bench.cli.plan_options import (
    add_models_folder,
    add_seed,
    as_refusal,
    build_plan,
    refuse_missing_programs,
    required_interpreters,
    required_servers,
)
from bench.cli.plan_preview import print_plan
from bench.cli.progress import ProgressDisplay
from bench.cli.temporary_folder import refuse_missing_temporary_folder
from bench.plan.definition import PlanError
from bench.translation import translate_line
from clients.cli_errors import Stop

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    from bench.experiment.runner import Outcome
    from bench.fleet.host_programs import HostPrograms
    from bench.plan.definition import Plan
    from bench.store.run_folder import RunFolder


def run(
    context: typer.Context,
    plan_source: options.PlanSource = "standard",
    transports: options.Transports = "",
    protocol: options.Protocol = "",
    connections: options.Connections = "",
    message_bytes: options.MessageBytes = "",
    wait_ms: options.WaitMs = None,
    compute_units: options.ComputeUnits = None,
    rate: options.Rate = "",
    timeout: options.Timeout = None,
    seed: options.Seed = None,
    blocks: options.Blocks = None,
    seconds: options.Seconds = None,
    minutes: options.Minutes = None,
    target_precision: options.TargetPrecision = "",
    max_minutes: options.MaxMinutes = None,
    models: options.Models = "",
    reference: options.Reference = "",
    server: options.Server = None,
    target: options.Target = "",
    python: options.Python = "",
    models_from: options.ModelsFrom = None,
    output_dir: options.OutputDir = Path("results"),
    as_json: options.AsJson = False,
    no_charts: options.NoCharts = False,
    resume: options.Resume = None,
    fleet: options.FleetFile = None,
    servers_on: options.ServersOn = "",
    generators_on: options.GeneratorsOn = "",
    allow_root: options.AllowRoot = False,
    allow_target: options.AllowTarget = "",
    lang: Language = None,
    dry_run: options.DryRun = False,
) -> int:
    """Start every server, load them in turns, and write CSV files, charts and a report.

    Examples:

      holabench run quick

      holabench run --models select,asyncio --connections 1,64 --blocks 6

      holabench run my-plan.toml --target-precision 3% --max-minutes 20

      holabench run --server "php=php examples/echo.php {port}"

      holabench run --resume results/20261122T073100Z-standard

      holabench run --servers-on me@lab1 --generators-on me@lab2,me@lab3

    Exit codes: 0 success; 1 failure; 2 wrong input; 3 a result is invalid or missing; 130 interrupted.
    """
    _refuse_other_systems()
    given = options.given_options(context)
    options.refuse_contradictions(given)
    add_models_folder(models_from)
    hosts = FleetOptions(fleet, servers_on, tuple(filter(None, generators_on.split(","))), allow_root=allow_root)
    hosts.check()
    console = stderr_console()
    refuse_missing_temporary_folder()
    _treat_termination_as_ctrl_c()
    try:
        if resume is not None:
            outcome = _resume(resume, hosts, console, _named_targets(given), models_from)
        else:
            plan = build_plan(plan_source, given)
            if not hosts.is_given:
                refuse_missing_programs(plan, plan_source, given)
            if dry_run:
                print_plan(plan, stdout_console())
                return 0
            outcome = _measure(plan, hosts, output_dir, console, given)
    except PlanError as error:
        raise as_refusal(error, given) from error
    except KeyboardInterrupt as error:  # later ones are in the outcome
        what = f"; resume with: holabench run --resume {resume}" if resume else ", and no run folder exists"
        raise Stop(f"interrupted before the first block; nothing was measured{what}", INTERRUPTED) from error
    with outcome.folder:  # locked until its results are written
        return finish_run(outcome, console, as_json=as_json, charts=not no_charts)


def _refuse_other_systems() -> None:
    if sys.platform != "linux":
        raise Stop(f"holabench requires Linux, not {sys.platform}: its servers and load generator use epoll", 1)


@dataclass(frozen=True, slots=True)
class _Needed:
    """Programs that the machine of the servers must have, by the command line."""

    models_from: Path | None = None
    pythons: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()

    def for_host(self) -> "HostPrograms":
        """Return it for another host. Raises Stop."""
        from bench.fleet.errors import FleetInputError
        from bench.fleet.host_programs import HostPrograms, read_models

        try:
            return HostPrograms(read_models(self.models_from) if self.models_from else {}, self.pythons, self.servers)
        except FleetInputError as error:
            raise Stop(str(error)) from error


def _measure(
    plan: "Plan", hosts: FleetOptions, output_dir: Path, console: Console, given: Mapping[str, Any]
) -> "Outcome":
    """Measure a plan. given: the options. Raises PlanError, Stop."""
    from bench.experiment import runner
    from bench.experiment.plan_programs import find_interpreters
    from bench.experiment.targets import resolve_targets

    _refuse_unwritable(output_dir)
    minutes = given.get("minutes")
    with ProgressDisplay(console) as display, _failures_as_stop():
        plan = add_seed(resolve_targets(plan, display.on_message, _named_targets(given)))
        if hosts.is_given:
            _refuse_loopback_targets(plan)
            source = given.get("plan_source", "standard")
            needed = required_interpreters(plan, given), required_servers(plan, source, given)
            programs = _Needed(given.get("models_from"), *needed).for_host()
            return _run_on(
                hosts,
                display,
                lambda runs, *fleet: runs.run(*fleet, plan, output_dir, display, minutes, programs),
            )
        plan = find_interpreters(plan, display.on_message)
        return runner.run(plan, output_dir, _usable_cpus(), display, minutes)


def _named_targets(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the hosts, or HOST:PORT, that the command line names as targets."""
    named = [given.get("target", "").partition("://")[2], *given.get("allow_target", "").split(",")]
    return tuple(filter(None, (name.strip() for name in named)))


def _refuse_loopback_targets(plan: "Plan") -> None:
    """Raise Stop for a running server on this machine's loopback, which generators on other hosts do not reach."""
    from bench.fleet.addresses import is_loopback

    for server in plan.external_servers:
        if server.target and is_loopback(server.address[0]):
            raise Stop(
                f"external server {server.name!r}: generators on other hosts cannot reach {server.target}; name the "
                "address of that machine in their network"
            )


def _refuse_unwritable(output_dir: Path) -> None:
    """Raise Stop before anything is measured if no run folder can be created."""
    existing = next(path for path in (output_dir, *output_dir.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise Stop(f"--output-dir {output_dir}: {existing} is a file; name a directory")
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):  # without, capabilities do not count
        raise Stop(f"--output-dir {output_dir}: {existing} cannot be written; name another directory")


def _resume(
    path: Path, hosts: FleetOptions, console: Console, named: Collection[str], models_from: Path | None
) -> "Outcome":
    """Measure what is missing in a run folder. named: targets of the command line. Raises PlanError, Stop."""
    from bench.experiment import runner
    from bench.experiment.targets import refuse_foreign_targets

    folder = open_for_resume(path, console)
    refuse_foreign_targets(folder.read().plan, named)
    with ProgressDisplay(console) as display, _failures_as_stop():
        if hosts.is_given:
            programs = _Needed(models_from).for_host()
            return _run_on(hosts, display, lambda runs, *fleet: runs.resume(*fleet, folder, display, programs))
        return runner.resume(folder, _usable_cpus(), display)


def _run_on(hosts: FleetOptions, display: ProgressDisplay, execute: Callable[..., "Outcome"]) -> "Outcome":
    """Run on other machines. Ctrl-C while their agents end, which takes seconds, does not lose the outcome.

    execute: is called with the module that does it, the fleet and its hosts.
    """
    outcome: Outcome | None = None
    try:
        with open_fleet(hosts, display) as fleet:
            from bench.fleet import fleet_run  # needs the libraries of an extra, which are there

            outcome = execute(fleet_run, *fleet)
    except KeyboardInterrupt:
        if outcome is None:
            raise
        return replace(outcome, interrupted=True)
    return outcome


@contextmanager
def _failures_as_stop() -> Iterator[None]:
    """Raise Stop with exit code 1 if the run cannot start."""
    from bench.experiment.child_process import ChildError
    from bench.store.errors import StoreError

    try:
        yield
    except (ChildError, StoreError) as error:
        raise Stop(str(error), 1) from error


def open_for_resume(path: Path, console: Console) -> "RunFolder":
    """Return the folder of an interrupted run, repaired so that the run can continue. Raises PlanError, Stop."""
    from bench.store.errors import StoreError
    from bench.store.run_folder import RunFolder

    folder = RunFolder(path)
    try:
        if folder.read().complete:
            raise Stop(f"--resume {path}: the run is complete; to render it again: holabench report {path}")
        for line in folder.reopen():
            print_line(console, translate_line(f"repaired: {line}"))
    except StoreError as error:
        raise Stop(f"--resume: {error}") from error
    return folder


def _usable_cpus() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _treat_termination_as_ctrl_c() -> None:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP.

    Finished blocks are kept, servers stopped, and the resume hint printed. Under nohup(1) SIGHUP stays ignored.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)

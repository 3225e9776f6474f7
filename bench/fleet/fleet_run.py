"""A run over several machines, as its controller sees it.

The host of the servers runs everything and reports each change of its run folder. The controller has the folder that
counts. If the host of the servers is lost, the controller itself records the block in progress: its trials have failed.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.experiment.child_process import ChildError
from bench.experiment.lost_trials import lost_trials
from bench.experiment.model_catalogue import known_models
from bench.experiment.observer import RunObserver
from bench.experiment.runner import Outcome
from bench.fleet.controller import Fleet, Role, RoleSpecification, Task
from bench.fleet.errors import FleetError
from bench.fleet.folder_mirror import FileChange, FolderChanges, apply_changes
from bench.fleet.host_error import HostError
from bench.fleet.host_programs import NO_PROGRAMS, HostPrograms
from bench.fleet.run_events import deliver
from bench.plan.definition import Plan, PlanError
from bench.plan.schedule import Hosts, resolve
from bench.plan.toml import encode
from bench.plan.validation import plan_thresholds
from bench.store.errors import StoreError, reporting_write_errors
from bench.store.run_folder import BlockRows, RunFolder

_START_S = 420.0  # the first use on a host compiles the generator
_RUN_S = 7 * 86_400.0  # a run may take days; role processes end with their agents, and these with the controller
_SERVERS, _GENERATOR = "servers", "generator"


@dataclass(frozen=True, slots=True)
class FleetHosts:
    """The hosts of a run by their names. addresses: where the other hosts reach each of them."""

    server: str
    generators: tuple[str, ...]
    addresses: Mapping[str, str]


@dataclass(slots=True)
class _Mirror:
    """The run folder of the controller, and the observer that shows the run. Receives the events of the run."""

    output_dir: Path
    observer: RunObserver
    plan: Plan
    folder: RunFolder | None = None
    phase: str = "the start"  # what the run was doing when it reported last
    is_partial: bool = False  # a change was not written to its end, so what follows does not fit

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Write changes into the folder; show everything else. Raises StoreError."""
        if "changes" in event:
            self._apply(event)
            return
        if "slices" in event:
            self.phase = f"block {event['slices'][-1]['block'] + 1}"
        deliver(event, self.observer, plan_thresholds(self.plan))

    def _apply(self, event: Mapping[str, Any]) -> None:
        if self.folder is None:
            path = self.output_dir / Path(event["folder"]).name
            with reporting_write_errors(path, "name another folder with --output-dir"):
                path.mkdir(parents=True, exist_ok=True)
            self.folder = RunFolder(path)
            self.folder.lock()
        if not self.is_partial:
            self.is_partial = True  # until the last of them is written: the disk, or Ctrl-C, may come between
            apply_changes(self.folder.path, map(FileChange.from_plain, event["changes"]))
            self.is_partial = False

    def record_lost_block(self, hosts: Hosts, reason: str) -> None:
        """Record that the trials of the block in progress have failed, if a block was in progress."""
        if self.folder is None or (run := self.folder.read()).slice_lengths is None:
            return
        missing = [number for number in range(run.plan.blocks) if number not in run.finished_blocks]
        machine = run.environment["machine"]
        schedule = resolve(
            run.plan,
            known_models(run.plan, may_refuse=False),
            server_cpus=machine["server_cpus"],
            generator_cpus=machine["generator_cpus"],
            hosts=hosts,
        )
        if missing and schedule.block_loads:
            self.folder.append(BlockRows([], [], [], [], lost_trials(schedule, missing[0], [], reason)))

    def outcome(self, failure: str, answer: Mapping[str, Any], *, interrupted: bool) -> Outcome:
        """Return the outcome of the run. Raises KeyboardInterrupt or ChildError if there is no folder yet."""
        if self.folder is None and interrupted:
            raise KeyboardInterrupt
        if self.folder is None:
            raise ChildError(failure or "the run ended before its folder was created")
        run = self.folder.read()
        return Outcome(
            folder=self.folder,
            blocks=len(run.finished_blocks),
            searches=answer.get("searches", 0),
            failure=failure,
            interrupted=interrupted,
            complete=run.complete,
        )


def run(
    fleet: Fleet,
    hosts: FleetHosts,
    plan: Plan,
    output_dir: Path,
    observer: RunObserver,
    minutes: float | None = None,
    programs: HostPrograms = NO_PROGRAMS,
) -> Outcome:
    """Measure a plan that has a seed. Raises as ``bench.experiment.runner.run`` does, FleetError and HostError."""
    command = {"do": "run", "plan": encode(plan), "minutes": minutes, "programs": programs.to_plain()}
    return _execute(fleet, hosts, command, _Mirror(output_dir, observer, plan))


def resume(
    fleet: Fleet,
    hosts: FleetHosts,
    folder: RunFolder,
    observer: RunObserver,
    programs: HostPrograms = NO_PROGRAMS,
) -> Outcome:
    """Measure the missing blocks of a run. folder: reopened. Raises as ``run``."""
    files = [change.to_plain() for change in FolderChanges(folder.path).look()]
    command = {"do": "resume", "folder": folder.path.name, "files": files, "programs": programs.to_plain()}
    return _execute(fleet, hosts, command, _Mirror(folder.path.parent, observer, folder.read().plan, folder))


def _execute(fleet: Fleet, hosts: FleetHosts, command: Mapping[str, Any], mirror: _Mirror) -> Outcome:
    """Start the role processes, and execute the command on the host of the servers."""
    mirror.observer.on_message(f"starting the generators on {', '.join(hosts.generators)} ...")
    generators = fleet.start_roles([_generator_role(host, hosts.addresses[host]) for host in hosts.generators])
    (servers,) = fleet.start_roles([RoleSpecification(hosts.server, _SERVERS, f"{__package__}.server_host", {})])
    serving = [role.submit({"do": "serve"}, deadline_s=_RUN_S, phase="the run") for role in generators]
    command = {
        **command,
        "server": hosts.server,
        "server_address": hosts.addresses[hosts.server],
        "generators": [_where(role, hosts) for role in generators],
        "facts": {"fleet": {role.host: role.ready["machine"] for role in generators}},
    }
    fleet.on_event = lambda _host, _role, event: mirror.on_event(event)
    failure, answer, interrupted = "", {}, False
    try:
        answer = servers.command(command, deadline_s=_RUN_S, phase="the run")
        failure, interrupted = str(answer.get("failure", "")), bool(answer.get("interrupted"))
    except FleetError as error:
        error.phase = mirror.phase
        failure = str(error)
        mirror.record_lost_block(Hosts(hosts.server, hosts.generators), failure)
    except StoreError as error:
        failure = str(error)
        _abort(servers)
    except KeyboardInterrupt:
        interrupted = True
        _abort(servers)
    if "refused" in answer:
        raise PlanError(str(answer["refused"]))
    if "unreachable" in answer:
        raise HostError(str(answer["unreachable"]))
    return mirror.outcome("; ".join(filter(None, (failure, *_losses(serving)))), answer, interrupted=interrupted)


def _generator_role(host: str, address: str) -> RoleSpecification:
    return RoleSpecification(host, _GENERATOR, f"{__package__}.generator_host", {"address": address}, _START_S)


def _where(role: Role, hosts: FleetHosts) -> dict[str, Any]:
    """Return where the host of the servers finds a generator: the fields of GeneratorAddress."""
    return {
        "name": role.host,
        "address": hosts.addresses[role.host],
        "port": role.ready["port"],
        "pid": role.pid,
        "boot_id": role.ready["boot_id"],
    }


def _abort(servers: Role) -> None:
    """End the run. Its last changes arrive meanwhile. If its host is lost, so is the run.

    The agent ends it in any case, so a second Ctrl-C only shortens this.
    """
    with contextlib.suppress(FleetError, KeyboardInterrupt):
        servers.abort()


def _losses(serving: Sequence[Task]) -> list[str]:
    """Return why generators were lost, of those that are known to be."""
    found = []
    for task in serving:
        if task.done:
            try:
                task.result()
            except FleetError as error:
                found.append(str(error))
    return found

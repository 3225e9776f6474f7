"""The role of the host with the servers: a process that its agent starts, and that runs a whole run.

It is the ordinary run of one machine, with generators elsewhere. Each change of its run folder is reported to the
controller, which has the folder that counts; the one here is a spare copy for the case that the controller is lost.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.experiment import runner
from bench.experiment.child_process import ChildError
from bench.fleet.folder_mirror import FileChange
from bench.fleet.host_programs import HostPrograms
from bench.fleet.remote_generators import GeneratorAddress, RemoteGenerators, UnreachableGeneratorError
from bench.fleet.role_program import RoleFailure, RoleProgram
from bench.fleet.run_events import RunReporter
from bench.fleet.spare_copies import open_copy, remove_old_copies
from bench.fleet.tls_files import own_keys
from bench.machine.user_folders import cache_folder, writable_folder
from bench.plan.definition import PlanError
from bench.plan.schedule import Hosts
from bench.plan.toml import decode
from bench.store.errors import StoreError

if TYPE_CHECKING:
    from bench.experiment.runner import Outcome


def main() -> None:
    """Run the role: wait for the command to run, and execute it."""
    with RoleProgram() as program:
        program.ready({})
        for command in program.commands():
            try:
                program.answer(_execute(program, command))
            except UnreachableGeneratorError as error:
                program.answer({"unreachable": str(error)})
            except StoreError as error:
                what, _, _ = str(error).partition("; ")  # what to do there concerns a folder that the user has named
                program.fail(f"could not start the run: {what}; make room there")
            except ChildError as error:
                program.fail(f"could not start the run: {error}")
            except PlanError as error:
                program.answer({"refused": str(error)})


def _execute(program: RoleProgram, command: Mapping[str, Any]) -> dict[str, Any]:
    """Run or resume; return what was measured. Raises PlanError, ChildError, StoreError, RoleFailure."""
    reporter, remote, cpus = RunReporter(program.event), _remote(command), sorted(os.sched_getaffinity(0))
    spool = writable_folder(cache_folder() / "holabench" / "runs")
    remove_old_copies(spool)
    programs = HostPrograms.from_plain(command["programs"])
    programs.add_models(spool.parent / "models")
    match command:
        case {"do": "run", "plan": str(text), "minutes": minutes}:
            plan = programs.find(decode(text, "of the controller"), command["server"], reporter.on_warning)
            return _describe(runner.run(plan, spool, cpus, reporter, minutes, remote), remote)
        case {"do": "resume", "folder": str(name), "files": list(files)}:
            changes = [FileChange.from_plain(values) for values in files]
            with open_copy(spool / Path(name).name, changes) as folder:
                return _describe(runner.resume(folder, cpus, reporter, remote), remote)
    raise RoleFailure(f"does not know the command {command.get('do')!r}")


def _remote(command: Mapping[str, Any]) -> RemoteGenerators:
    """Return the generators that a command names."""
    generators = [GeneratorAddress(**values) for values in command["generators"]]
    return RemoteGenerators(
        hosts=Hosts(command["server"], tuple(each.name for each in generators)),
        server_address=command["server_address"],
        generators=generators,
        tls=own_keys(),
        facts=command["facts"],
    )


def _describe(outcome: "Outcome", remote: RemoteGenerators) -> dict[str, Any]:
    """Return what was measured. A failure to write the copy names the host: the controller has a folder, too."""
    is_of_copy = str(outcome.folder.path) in outcome.failure
    return {
        "searches": outcome.searches,
        "failure": f"{remote.hosts.server}: {outcome.failure}" if is_of_copy else outcome.failure,
        "interrupted": outcome.interrupted,
        "complete": outcome.complete,
    }


if __name__ == "__main__":
    main()

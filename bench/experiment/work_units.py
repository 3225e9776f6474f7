"""Time of a unit of compute of the protocol work on this machine, in each interpreter that runs servers."""

import contextlib
from typing import Any

from bench.experiment.child_commands import module_command
from bench.experiment.child_process import READY_S, Child, ChildError
from bench.plan.schedule import Schedule

_OWN = ""  # label of the interpreter that runs holabench


def measure_work_units(schedule: Schedule) -> dict[str, Any]:
    """Return the time of a unit of each kind, by label of the interpreter; empty if no scenario computes.

    Each interpreter measures alone, on the servers' CPUs. One that fails is left out; its servers fail with a reason.
    """
    if not any(scenario.scenario.protocol == "work" for scenario in schedule.scenarios):
        return {}
    found: dict[str, Any] = {}
    for label, python in {_OWN: "", **schedule.plan.pythons}.items():
        command = module_command("servers", "measure-units", python=python)
        with contextlib.suppress(ChildError), Child("measure-units", command, schedule.server_cpus) as child:
            units = child.read_line(READY_S)
            found[label or units["python"]] = units
    return found

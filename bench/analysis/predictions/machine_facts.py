"""Facts about the machine of a run that predictions need, from its environment.json. Pure."""

from collections.abc import Mapping
from typing import Any

from bench.analysis.predictions.units import ComputeUnits

KINDS = ("lock", "release")


def recorded_cpus(environment: Mapping[str, Any]) -> int:
    """Return the CPUs of the machine; 1 if the environment does not record them."""
    machine = environment.get("machine")
    cpus = machine.get("cpus") if isinstance(machine, dict) else None
    return cpus if isinstance(cpus, int) and cpus > 0 else 1


def recorded_units(environment: Mapping[str, Any]) -> ComputeUnits:
    """Return what a unit of compute takes, from ``work_units``: one entry for each interpreter, by its label.

    An entry is what ``python -m servers measure-units`` prints. The best repetition counts: a slower one was disturbed.
    """
    entries = environment.get("work_units")
    by_python: dict[tuple[str, str], float] = {}
    for entry in entries.values() if isinstance(entries, dict) else []:
        for kind in KINDS:
            measured = entry.get(kind) if isinstance(entry, dict) else None
            best_us = measured.get("best_us") if isinstance(measured, dict) else None
            if isinstance(best_us, int | float) and best_us > 0:
                by_python[str(entry.get("python")), kind] = best_us / 1e6
    return ComputeUnits(by_python)

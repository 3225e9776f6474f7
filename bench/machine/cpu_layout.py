"""Placement: which CPUs the generator gets and which the servers get.

They share a CPU or a core only if there is just one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine.cgroup_limits import ROOT, read_limits
from bench.machine.kernel_files import read_kernel_file

_CPUS = "sys/devices/system/cpu"
# Where the kernel lists the CPUs of each kind of core: of Intel's hybrid processors, performance cores first.
_HYBRID_KINDS = ("sys/devices/cpu_core/cpus", "sys/devices/cpu_atom/cpus", "sys/devices/cpu_lowpower/cpus")


@dataclass(frozen=True, slots=True)
class Placement:
    """CPU numbers of each side."""

    generator: tuple[int, ...]
    server: tuple[int, ...]
    shares_core: bool = False  # the sides have different hardware threads of one core

    @property
    def disjoint(self) -> bool:
        """True if the sides share neither a CPU nor a core."""
        return not self.shares_core and not set(self.generator) & set(self.server)


def place_here(usable_cpus: Sequence[int], root: Path = ROOT) -> Placement:
    """Divide the usable CPUs of this machine, as far as they are of one kind and within the container's quota."""
    core_of = cores(usable_cpus, root)
    cpus = cpus_of_one_kind(usable_cpus, core_of, kinds(usable_cpus, root))
    return place(within_quota(cpus, core_of, read_limits(root).cpus), core_of)


def place_servers(usable_cpus: Sequence[int], root: Path = ROOT) -> Placement:
    """Place servers whose clients are on other machines: they get all CPUs of this machine but those of one core.

    That core serves what drives the servers and the interrupts of the network card. A single core serves all.
    """
    core_of = cores(usable_cpus, root)
    cpus = cpus_of_one_kind(usable_cpus, core_of, kinds(usable_cpus, root))
    groups = _by_core(within_quota(cpus, core_of, read_limits(root).cpus), core_of)
    if len(groups) == 1:
        return Placement(tuple(groups[0]), tuple(groups[0]))
    return Placement(tuple(sorted(groups[0])), tuple(sorted(cpu for group in groups[1:] for cpu in group)))


def place(cpus: Sequence[int], core_of: Mapping[int, object]) -> Placement:
    """Divide the CPUs by whole cores; the servers get the larger half.

    core_of: the core of each CPU. Two threads of a core compete, so they go to the same side. The threads of a single
    core are divided. A single CPU serves both sides.
    """
    groups = _by_core(cpus, core_of)
    shares_core = len(groups) == 1 and len(cpus) > 1
    if shares_core:
        groups = [[cpu] for cpu in sorted(cpus)]
    if len(groups) == 1:
        return Placement(tuple(groups[0]), tuple(groups[0]))
    half = len(groups) // 2
    generator = [cpu for group in groups[:half] for cpu in group]
    server = [cpu for group in groups[half:] for cpu in group]
    return Placement(tuple(sorted(generator)), tuple(sorted(server)), shares_core)


def cpus_of_one_kind(cpus: Sequence[int], core_of: Mapping[int, object], kind_of: Mapping[int, int]) -> list[int]:
    """Return the CPUs of the fastest kind that has two cores; all CPUs if no kind has.

    On a hybrid processor a server's speed would depend on the core that the kernel happens to choose. kind_of: a rank
    of each CPU, the fastest first.
    """
    for kind in sorted(set(kind_of.values())):
        of_kind = [cpu for cpu in cpus if kind_of.get(cpu) == kind]
        if len(_by_core(of_kind, core_of)) > 1:
            return sorted(of_kind)
    return sorted(cpus)


def within_quota(cpus: Sequence[int], core_of: Mapping[int, object], quota_cpus: float | None) -> list[int]:
    """Return as many CPUs as a container's quota can keep busy, at least one; whole cores first.

    More of them would use up the quota, and the kernel would then stop servers and generator for a part of each period.
    """
    if quota_cpus is None or quota_cpus >= len(cpus):
        return sorted(cpus)
    by_core = _by_core(cpus, core_of)
    first_threads = [group[0] for group in by_core]
    in_turn = first_threads + [cpu for group in by_core for cpu in group[1:]]
    return sorted(in_turn[: max(1, math.floor(quota_cpus))])


def cores(cpus: Sequence[int], root: Path = ROOT) -> dict[int, object]:
    """Return the core of each CPU, from the kernel.

    A CPU without information is a core of its own.
    """
    core_of: dict[int, object] = {}
    for cpu in cpus:
        siblings = root / _CPUS / f"cpu{cpu}/topology/thread_siblings_list"
        try:
            core_of[cpu] = siblings.read_text().strip() or cpu
        except OSError:
            core_of[cpu] = cpu
    return core_of


def kinds(cpus: Sequence[int], root: Path = ROOT) -> dict[int, int]:
    """Return the kind of core of each CPU as a rank, the fastest first; nothing if all are the same.

    From the lists of hybrid processors, or else from the capacities that the kernel knows on ARM.
    """
    rank_of: dict[int, int] = {}
    for rank, path in enumerate(_HYBRID_KINDS):
        for cpu in parse_cpu_list(read_kernel_file(root / path)):
            rank_of.setdefault(cpu, rank)
    if not rank_of:
        capacities = {cpu: read_kernel_file(root / _CPUS / f"cpu{cpu}/cpu_capacity") for cpu in cpus}
        rank_of = {cpu: -int(capacity) for cpu, capacity in capacities.items() if capacity.isdigit()}
    known = {cpu: rank_of[cpu] for cpu in cpus if cpu in rank_of}
    return known if len(set(known.values())) > 1 else {}


def parse_cpu_list(text: str) -> list[int]:
    """Return the CPUs of a list in the kernel's form: ``0-2,5``."""
    cpus: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        cpus += range(int(low), int(high or low) + 1)
    return cpus


def _by_core(cpus: Sequence[int], core_of: Mapping[int, object]) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    for cpu in sorted(cpus):
        groups.setdefault(core_of.get(cpu, cpu), []).append(cpu)
    return list(groups.values())

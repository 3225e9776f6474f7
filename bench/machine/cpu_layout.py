"""Placement: which CPUs the generator gets and which the servers get.

They share a CPU only if there is just one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Placement:
    """CPU numbers of each side."""

    generator: tuple[int, ...]
    server: tuple[int, ...]

    @property
    def disjoint(self) -> bool:
        """Whether no CPU serves both sides."""
        return not set(self.generator) & set(self.server)


def place(cpus: Sequence[int], core_of: Mapping[int, object]) -> Placement:
    """Divide the CPUs by whole cores; the servers get the larger half.

    core_of: the core of each CPU. Two threads of a core compete, so they go to the same side. The threads of a single
    core are divided. A single CPU serves both sides.
    """
    cpus_by_core: dict[object, list[int]] = {}
    for cpu in sorted(cpus):
        cpus_by_core.setdefault(core_of.get(cpu, cpu), []).append(cpu)
    groups = list(cpus_by_core.values()) if len(cpus_by_core) > 1 else [[cpu] for cpu in sorted(cpus)]
    if len(groups) == 1:
        return Placement(tuple(groups[0]), tuple(groups[0]))
    half = len(groups) // 2
    generator = [cpu for group in groups[:half] for cpu in group]
    server = [cpu for group in groups[half:] for cpu in group]
    return Placement(tuple(sorted(generator)), tuple(sorted(server)))


def cores(cpus: Sequence[int]) -> dict[int, object]:
    """Return the core of each CPU, from the kernel.

    A CPU without information is a core of its own.
    """
    core_of: dict[int, object] = {}
    for cpu in cpus:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            core_of[cpu] = siblings.read_text().strip()
        except OSError:
            core_of[cpu] = cpu
    return core_of

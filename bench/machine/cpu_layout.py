"""Which CPUs the generator gets and which the servers: never the same ones, if there are two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Placement:
    """CPU numbers of each side."""

    client: tuple[int, ...]
    server: tuple[int, ...]

    @property
    def disjoint(self) -> bool:
        """Whether no CPU serves both sides."""
        return not set(self.client) & set(self.server)


def place(cpus: Sequence[int], core_of: Mapping[int, object]) -> Placement:
    """Share out the CPUs by whole cores, the larger half to the server.

    core_of: the core of each CPU; two threads of one core compete, so they go to the same side. With one core its
    threads are shared out; with one CPU both sides have it.
    """
    cores: dict[object, list[int]] = {}
    for cpu in sorted(cpus):
        cores.setdefault(core_of.get(cpu, cpu), []).append(cpu)
    groups = list(cores.values()) if len(cores) > 1 else [[cpu] for cpu in sorted(cpus)]
    if len(groups) == 1:
        return Placement(tuple(groups[0]), tuple(groups[0]))
    half = len(groups) // 2
    client = [cpu for group in groups[:half] for cpu in group]
    server = [cpu for group in groups[half:] for cpu in group]
    return Placement(tuple(sorted(client)), tuple(sorted(server)))


def cores(cpus: Sequence[int]) -> dict[int, object]:
    """The core of each CPU, as the kernel tells it; a CPU about which it says nothing is a core of its own."""
    found: dict[int, object] = {}
    for cpu in cpus:
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            found[cpu] = topology.read_text().strip()
        except OSError:
            found[cpu] = cpu
    return found

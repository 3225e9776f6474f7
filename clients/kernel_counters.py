"""Counters of the kernel: dropped datagrams, CPU steal; and its clock source."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # bench uses this module, too, and starts faster without the engine
    from clients.load_spec import LoadSpec

_GOOD_CLOCKS = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_STEAL = 8  # field of a line of /proc/stat: cpu user nice system idle iowait irq softirq steal (proc_stat(5))


def drops(spec: "LoadSpec") -> dict[str, int] | None:
    """Return the datagrams that sockets' buffers had no room for, by place.

    The places are the generator, and the server if it is local. From the last column of /proc/net/udp. None for a
    stream, or if the list is not readable. The count of a socket disappears when the socket is closed.
    """
    if spec.transport != "udp":
        return None
    name = "udp6" if ":" in spec.host else "udp"
    try:
        lines = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    except OSError:
        return None
    dropped = {"generator": 0, "server": 0}
    port = f":{spec.port:04X}"
    for line in lines:
        fields = line.split()
        if fields[2].endswith(port):
            dropped["generator"] += int(fields[-1])
        elif fields[1].endswith(port):
            dropped["server"] += int(fields[-1])
    return dropped


def drops_since(before: dict[str, int] | None, spec: "LoadSpec") -> dict[str, int] | None:
    """Return the datagrams dropped since ``before`` was read."""
    now = drops(spec)
    if before is None or now is None:
        return None
    return {place: max(0, now[place] - before[place]) for place in now}


def steal_ticks(cpus: Collection[int]) -> tuple[int, int]:
    """Return (steal, total) CPU time of these CPUs in ticks.

    An empty ``cpus`` means all CPUs. Steal is the time that the hypervisor gave to other machines.
    """
    steal, total = 0, 0
    names = {f"cpu{cpu}" for cpu in cpus} or {"cpu"}
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields and fields[0] in names:
            times = [int(field) for field in fields[1:9]]
            steal += times[_STEAL - 1]
            total += sum(times)
    return steal, total


def steal_share_since(before: tuple[int, int], cpus: Collection[int]) -> float | None:
    """Return the share of steal in the CPU time since ``before`` was read.

    None if no time has passed.
    """
    steal, total = steal_ticks(cpus)
    return (steal - before[0]) / (total - before[1]) if total > before[1] else None


def has_good_clock() -> bool:
    """Return whether the clock is read without a system call; True if that is unknown."""
    try:
        return _CLOCK.read_text().strip() in _GOOD_CLOCKS
    except OSError:
        return True

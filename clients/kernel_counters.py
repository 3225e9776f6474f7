"""What the kernel says of this machine: dropped datagrams by place, time stolen by its host, its clock."""

from pathlib import Path

from clients.load_spec import LoadSpec

_GOOD_CLOCKS = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_STEAL = 8  # field of a line of /proc/stat: cpu user nice system idle iowait irq softirq steal (proc_stat(5))


def drops(settings: LoadSpec) -> dict[str, int] | None:
    """Datagrams that did not fit the sockets' buffers so far: the generator's own, and the server's if it is here.

    The last column of /proc/net/udp. None for a stream, and where the list cannot be read. A socket that was closed
    takes its count with it.
    """
    if settings.transport != "udp":
        return None
    name = "udp6" if ":" in settings.host else "udp"
    try:
        lines = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    except OSError:
        return None
    found = {"generator": 0, "server": 0}
    port = f":{settings.port:04X}"
    for line in lines:
        fields = line.split()
        if fields[2].endswith(port):
            found["generator"] += int(fields[-1])
        elif fields[1].endswith(port):
            found["server"] += int(fields[-1])
    return found


def drops_since(before: dict[str, int] | None, settings: LoadSpec) -> dict[str, int] | None:
    """How many more there are now than ``before``."""
    now = drops(settings)
    if before is None or now is None:
        return None
    return {place: max(0, now[place] - before[place]) for place in now}


def stolen_ticks(cpus: tuple[int, ...]) -> tuple[int, int]:
    """Time that the host gave to others, and all time, of these CPUs (of all, if there are none named), in ticks."""
    stolen, total = 0, 0
    wanted = {f"cpu{cpu}" for cpu in cpus} or {"cpu"}
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields and fields[0] in wanted:
            times = [int(field) for field in fields[1:9]]
            stolen += times[_STEAL - 1]
            total += sum(times)
    return stolen, total


def has_good_clock() -> bool:
    """Whether the clock is one that is read without a system call; also if nothing is known of it."""
    try:
        return _CLOCK.read_text().strip() in _GOOD_CLOCKS
    except OSError:
        return True

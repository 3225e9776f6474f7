"""Counters of the kernel that no process has: its own memory, and connects that a full listen queue turned away."""

from pathlib import Path

_MEMINFO, _NETSTAT = Path("/proc/meminfo"), Path("/proc/net/netstat")
_UDP_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
# proc_meminfo(5). Sockets, their files and their entries in epoll are in the slab; a thread has a stack in the kernel.
_KERNEL_MEMORY = {"Slab", "KernelStack", "PageTables"}
_MB_PER_KIB = 1024 / 1e6


def kernel_memory_mb() -> float | None:
    """Return the memory that the kernel of this machine uses for sockets, threads and processes; None if unknown.

    Other programs of the machine change it, too, so that only its growth within a short time means something.
    """
    found = _meminfo_kib()
    if not found.keys() >= _KERNEL_MEMORY:
        return None
    return sum(found[name] for name in _KERNEL_MEMORY) * _MB_PER_KIB


def slab_bytes() -> int | None:
    """Return the part of that memory in the slab: structures, not stacks and page tables. None if unknown."""
    slab_kib = _meminfo_kib().get("Slab")
    return None if slab_kib is None else 1024 * slab_kib


def _meminfo_kib() -> dict[str, int]:
    """Return the lines of /proc/meminfo, which count KiB; {} without it."""
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if value}


def listen_overflows() -> int | None:
    """Return how often a full listen queue turned a connect away, since this network namespace exists.

    None if it is unknown. Each retransmission of a SYN that is turned away counts again.
    """
    try:
        content = _NETSTAT.read_bytes()
    except OSError:
        return None
    # Two lines of a hundred names and values each, read before and after every slice: what is not asked is not parsed.
    names, _, rest = content[content.find(b"TcpExt:") :].partition(b"\n")
    fields = names.split()
    if b"ListenOverflows" not in fields:
        return None
    position = fields.index(b"ListenOverflows")
    return int(rest.split(maxsplit=position + 1)[position])


def datagrams_dropped_at(port: int) -> int | None:
    """Return the datagrams that had no room in the buffers of a server's sockets; None if it is unknown.

    From the last column of /proc/net/udp and udp6, of all sockets bound to the port.
    """
    dropped, is_known, at_port = 0, False, b":%04X" % port
    for table in _UDP_TABLES:
        try:
            lines = table.read_bytes().splitlines()[1:]
        except OSError:  # a kernel without IPv6
            continue
        is_known = True
        fields = [line.split() for line in lines if at_port in line]
        dropped += sum(int(each[-1]) for each in fields if each[1].endswith(at_port))
    return dropped if is_known else None


def growth(before: float | None, after: float | None) -> float | None:
    """Return the difference of two readings; None if one is unknown."""
    return None if before is None or after is None else after - before

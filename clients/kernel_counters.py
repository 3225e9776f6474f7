"""Tables and counters of the kernel: sockets, dropped datagrams, CPU steal; and its clock source."""

import ipaddress
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # bench uses this module, too, and starts faster without the engine
    from clients.load_spec import LoadSpec

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TABLES = Path("/proc/net")
_SERVING_STATES = {"tcp": "0A", "udp": "07"}  # TCP_LISTEN; a datagram socket that is not connected (tcp_states.h)
_GOOD_CLOCKS = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_STEAL = 8  # field of a line of /proc/stat: cpu user nice system idle iowait irq softirq steal (proc_stat(5))


def drops(spec: "LoadSpec") -> dict[str, int] | None:
    """Return the datagrams that sockets' buffers had no room for, by place.

    The places are the generator, and the server if it is local. From the last column of /proc/net/udp and udp6: a
    socket of IPv6 may serve IPv4, too. None for a stream, or if neither list is readable. The count of a socket
    disappears when the socket is closed.
    """
    sockets = _read_sockets("udp", spec.port) if spec.transport == "udp" else None
    if sockets is None:
        return None
    dropped = {"generator": 0, "server": 0}
    server = (_without_mapping(ipaddress.ip_address(spec.host)), spec.port)
    for fields in sockets:
        local_address, local_port = _parse_endpoint(fields[1])
        if _parse_endpoint(fields[2]) == server:
            dropped["generator"] += int(fields[-1])
        elif local_port == spec.port and _receives(local_address, server[0]):
            dropped["server"] += int(fields[-1])
    return dropped


def _receives(bound: _Address, address: _Address) -> bool:
    """Return whether a socket bound to one address may receive datagrams to another: ``::`` those of IPv4, too."""
    return bound == address or (bound.is_unspecified and bound.version >= address.version)


def has_listener(transport: str, address: str, port: int) -> bool:
    """Return whether a socket of this machine serves a numeric address, as far as this process can see."""
    wanted, state = _without_mapping(ipaddress.ip_address(address)), _SERVING_STATES[transport]
    endpoints = [_parse_endpoint(fields[1]) for fields in _read_sockets(transport, port) or [] if fields[3] == state]
    return any(bound_port == port and _receives(bound, wanted) for bound, bound_port in endpoints)


def _read_sockets(transport: str, port: int) -> list[list[str]] | None:
    """Return the fields of each socket with a port at either end, IPv4 and IPv6; None if neither table is readable.

    Of a machine with a hundred sockets, parsing all of their addresses took 0.3 ms.
    """
    tables = [table for name in (transport, f"{transport}6") if (table := _read_table(name)) is not None]
    at_port = f":{port:04X} "
    return [line.split() for table in tables for line in table if at_port in line] if tables else None


def _read_table(name: str) -> list[str] | None:
    """Return the lines of a table of sockets without its heading; None if it is not readable, e.g. without IPv6."""
    try:
        return (_TABLES / name).read_text().splitlines()[1:]
    except OSError:
        return None


def _parse_endpoint(text: str) -> tuple[_Address, int]:
    """Return address and port of ``0100007F:1F40``: 32-bit words in the byte order of the machine."""
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
    return _without_mapping(ipaddress.ip_address(b"".join(words))), int(port, 16)


def _without_mapping(address: _Address) -> _Address:
    """Return an address of IPv4 in its own form: ``::ffff:127.0.0.1`` is 127.0.0.1."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


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

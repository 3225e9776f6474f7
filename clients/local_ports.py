"""Check how many local ports a load needs, before it takes them.

The side that closes a TCP connection first keeps its port for a minute (TIME_WAIT). On loopback Linux reuses the port
after a second (tcp_tw_reuse = 2, tcp_tw_reuse_delay). All of 127.0.0.0/8 is this machine, so a load on such an address
can use many source addresses, each with its own ports. IPv6 has one loopback address, ::1, and its ports are all.
"""

import ipaddress
import math
from pathlib import Path

from clients.load_spec import LoadSpec

_TIME_WAIT_S = 60.0  # TCP_TIMEWAIT_LEN in the kernel; cannot be changed
_COMFORTABLE_SHARE = 0.4  # of the ports; beyond, the kernel searches longer and longer for a free one
_MAX_SHARE = 0.8
_MAX_SOURCES = 65_536
_CLOSED_LOOP_SOURCES = 8  # the rate is not known in advance: room for 100,000 connects per second
_NETWORK = Path("/proc/sys/net/ipv4")


class PortsExhaustedError(Exception):
    """The load would run out of local ports."""


def port_count() -> int:
    """Return how many local ports the kernel assigns for one source address."""
    try:
        low, high = map(int, (_NETWORK / "ip_local_port_range").read_text().split())
    except (OSError, ValueError):
        return 28_232
    return high - low + 1


def port_reuse_s(*, loopback: bool) -> float:
    """Return how long after its connection was closed a port stays in use."""
    try:
        reuse = int((_NETWORK / "tcp_tw_reuse").read_text())
    except (OSError, ValueError):
        return _TIME_WAIT_S
    if reuse == 1 or (reuse == 2 and loopback):
        return 1.0
    return _TIME_WAIT_S


def sources_needed(*specs: LoadSpec) -> int:
    """Return how many source addresses a load needs. specs: its populations, which load the same server.

    0 means that the kernel's choice is enough. Raises PortsExhaustedError.
    """
    host = specs[0].host
    loopback, has_many_sources = _is_loopback(host), _is_loopback(host) and ":" not in host
    connecting = [spec for spec in specs if spec.in_sessions and spec.transport == "tcp"]
    in_use = float(sum(spec.connections for spec in specs))
    for spec in connecting:
        rate_rps = max([spec.rate_rps, *(phase.rate_rps for phase in spec.phases)])
        in_use += rate_rps / spec.messages_per_session * port_reuse_s(loopback=loopback)
    share = in_use / port_count()
    needed = math.ceil(share / _COMFORTABLE_SHARE)
    if has_many_sources and not all(spec.open_loop for spec in connecting):
        return max(_CLOSED_LOOP_SOURCES, needed)
    if share <= _COMFORTABLE_SHARE:
        return 0
    if has_many_sources and needed <= _MAX_SOURCES:
        return needed
    if share > _MAX_SHARE:
        hint = ", or set net.ipv4.tcp_tw_reuse = 1" if connecting and not loopback else ""
        if loopback and not has_many_sources:
            hint = ", or use 127.0.0.1, which has more than one source address"
        raise PortsExhaustedError(
            f"this load would use {in_use:,.0f} local ports at a time, and {port_count():,} are available: lower the "
            f"rate or the connections, or widen net.ipv4.ip_local_port_range{hint}"
        )
    return 0


def _is_loopback(host: str) -> bool:
    """Return whether a numeric address is this machine itself, also one of IPv4 in the form of IPv6."""
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback

"""Check how many local ports a load needs, before it takes them.

The side that closes a TCP connection first keeps its port for a minute (TIME_WAIT). On loopback Linux reuses the port
after a second (tcp_tw_reuse = 2, tcp_tw_reuse_delay). All of 127.0.0.0/8 is this machine, so on loopback a load can use
many source addresses, each with its own ports.
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


def sources_needed(spec: LoadSpec) -> int:
    """Return how many source addresses the load needs.

    0 means that the kernel's choice is enough. Raises PortsExhaustedError.
    """
    loopback = ":" not in spec.host and ipaddress.ip_address(spec.host).is_loopback
    connects = spec.in_sessions and spec.transport == "tcp"
    if connects and not spec.open_loop and loopback:
        return _CLOSED_LOOP_SOURCES
    in_use = float(spec.connections)
    if connects:
        in_use += spec.rate_rps / spec.messages_per_session * port_reuse_s(loopback=loopback)
    share = in_use / port_count()
    if share <= _COMFORTABLE_SHARE:
        return 0
    needed = math.ceil(share / _COMFORTABLE_SHARE)
    if loopback and needed <= _MAX_SOURCES:
        return needed
    if share > _MAX_SHARE:
        raise PortsExhaustedError(
            f"this load would use {in_use:,.0f} local ports at a time, and {port_count():,} are available: lower the "
            "rate or the connections, or widen net.ipv4.ip_local_port_range"
        )
    return 0

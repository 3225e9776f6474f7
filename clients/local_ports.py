"""How many local ports a load takes, before it takes them.

A closed TCP connection holds its port for a minute (TIME_WAIT) on the side that closed first. On loopback Linux gives
it again after a second (tcp_tw_reuse = 2, tcp_tw_reuse_delay). All of 127.0.0.0/8 is this machine, so there a load may
come from many source addresses, each with ports of its own.
"""

import ipaddress
import math
from pathlib import Path

from clients.load_spec import LoadSpec

_TIME_WAIT_S = 60.0  # TCP_TIMEWAIT_LEN in the kernel; not to be set
_COMFORTABLE_SHARE = 0.4  # of the ports: beyond, the kernel searches for a free one longer and longer
_MOST_SHARE = 0.8
_MOST_SOURCES = 65_536
_SOURCES_OF_A_CLOSED_LOOP = 8  # nobody knows its rate beforehand: room for a hundred thousand connects a second
_NETWORK = Path("/proc/sys/net/ipv4")


class NoPorts(Exception):  # noqa: N818 - it reads as what it is
    """The load would run out of local ports."""


def ports() -> int:
    """How many local ports the kernel gives out for one source address."""
    try:
        low, high = map(int, (_NETWORK / "ip_local_port_range").read_text().split())
    except (OSError, ValueError):
        return 28_232
    return high - low + 1


def held_s(*, loopback: bool) -> float:
    """For how long a port is held after its connection was closed."""
    try:
        reuse = int((_NETWORK / "tcp_tw_reuse").read_text())
    except (OSError, ValueError):
        return _TIME_WAIT_S
    if reuse == 1 or (reuse == 2 and loopback):
        return 1.0
    return _TIME_WAIT_S


def sources_needed(settings: LoadSpec) -> int:
    """From how many source addresses the load is to come; 0: the kernel's choice is enough. Raises NoPorts."""
    loopback = ":" not in settings.host and ipaddress.ip_address(settings.host).is_loopback
    connects = settings.in_sessions and settings.transport == "tcp"
    if connects and not settings.open_loop and loopback:
        return _SOURCES_OF_A_CLOSED_LOOP
    held = float(settings.connections)
    if connects:
        held += settings.rate_rps / settings.messages_per_session * held_s(loopback=loopback)
    share = held / ports()
    if share <= _COMFORTABLE_SHARE:
        return 0
    needed = math.ceil(share / _COMFORTABLE_SHARE)
    if loopback and needed <= _MOST_SOURCES:
        return needed
    if share > _MOST_SHARE:
        raise NoPorts(
            f"this load would hold {held:,.0f} local ports at a time, and there are {ports():,}: lower the rate or the "
            "connections, or widen net.ipv4.ip_local_port_range"
        )
    return 0

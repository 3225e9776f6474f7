"""The network interface that a path uses: its MTU, its speed, and its offloads. Read-only, without ethtool."""

import array
import fcntl
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.machine.kernel_files import read_kernel_file

_IP_MTU, _IPV6_MTU = 14, 24  # ip(7), ipv6(7): of the path to the address that a socket is connected to
_DISCARD_PORT = 9  # of no importance: nothing is sent
# linux/sockios.h and linux/ethtool.h: commands that each return one number, and need no rights.
_SIOCETHTOOL = 0x8946
_GET_OFFLOAD = {"GRO": 0x2B, "GSO": 0x23, "TSO": 0x1E}
_GET_FLAGS, _LRO_FLAG = 0x25, 1 << 15


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """An interface. speed_mbit: None if nobody knows it. offloads: whether each is on; unknown ones are missing."""

    name: str
    speed_mbit: int | None
    offloads: Mapping[str, bool]


def family_towards(address: str) -> socket.AddressFamily:
    """Return the family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def path_mtu(address: str) -> int | None:
    """Return the largest packet of the path to an address, as the kernel knows it; None if it does not."""
    level, option = (socket.IPPROTO_IPV6, _IPV6_MTU) if ":" in address else (socket.IPPROTO_IP, _IP_MTU)
    with socket.socket(family_towards(address), socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, _DISCARD_PORT))
            return sock.getsockopt(level, option)
        except OSError:
            return None


def interface_towards(address: str) -> NetworkInterface | None:
    """Return the interface through which packets to an address leave; None if it cannot be found."""
    with socket.socket(family_towards(address), socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, _DISCARD_PORT))
            own = sock.getsockname()[0]
        except OSError:
            return None
    for name, addresses in psutil.net_if_addrs().items():
        if own in {each.address.partition("%")[0] for each in addresses}:
            return NetworkInterface(name, _speed_mbit(name), _offloads(name))
    return None


def _speed_mbit(name: str) -> int | None:
    """Return the speed of an interface of a device. Others have none, or an invented one: veth has 10,000."""
    if not Path(f"/sys/class/net/{name}/device").exists():
        return None
    text = read_kernel_file(f"/sys/class/net/{name}/speed")
    return int(text) if text.isdigit() and int(text) > 0 else None


def _offloads(name: str) -> dict[str, bool]:
    states = {offload: _ask(name, command) for offload, command in _GET_OFFLOAD.items()}
    flags = _ask(name, _GET_FLAGS)
    states["LRO"] = None if flags is None else flags & _LRO_FLAG
    return {offload: bool(state) for offload, state in states.items() if state is not None}


def _ask(name: str, command: int) -> int | None:
    """Return the answer of an interface's driver, or None: struct ethtool_value is the command and the answer."""
    value = array.array("I", [command, 0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP", name.encode(), value.buffer_info()[0]))
        except OSError:
            return None
    return value[1]

"""Sockets that wait for clients and the processes that have them, from the kernel's tables.

They are read, because connecting would make a client.
"""

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_STATES = {"tcp": "0A", "udp": "07"}  # TCP_LISTEN; an unconnected datagram socket
_WORD_BYTES, _WORD_DIGITS = 4, 8  # of an address; IPv4 has one word, IPv6 four


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """A listening socket (TCP), or one that is bound and not connected (UDP)."""

    host: str  # 0.0.0.0 and :: mean every address
    port: int
    inode: int


def bound_sockets(transport: str) -> list[BoundSocket]:
    """Return the sockets of a transport, over IPv4 and IPv6, that wait for clients."""
    sockets = []
    for table in (transport, f"{transport}6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _STATES[transport]:
                    address, _, port = fields[1].partition(":")
                    sockets.append(BoundSocket(_host(address), int(port, 16), int(fields[9])))
    return sockets


def socket_inodes(pids: Iterable[int]) -> tuple[set[int], bool]:
    """Return the sockets that some processes have open, and whether all of the processes could be asked.

    The descriptors of another user's process are hidden.
    """
    inodes: set[int] = set()
    complete = True
    for pid in pids:
        try:
            for descriptor in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - thousands of names, without objects
                with contextlib.suppress(FileNotFoundError):
                    name = os.readlink(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH115 - as above
                    if name.startswith("socket:["):
                        inodes.add(int(name[8:-1]))
        except PermissionError:
            complete = False
        except OSError:  # it has ended
            continue
    return inodes, complete


def owner_of(inode: int) -> str:
    """Return which process has a socket open: ``php (pid 4711)``. The text is empty if that is hidden."""
    for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):  # noqa: PTH208 - as above
        if inode in socket_inodes([pid])[0]:
            with contextlib.suppress(OSError):
                return f"{Path(f'/proc/{pid}/comm').read_text(errors='replace').strip()} (pid {pid})"
    return ""


def _host(digits: str) -> str:
    """Return an address of the tables, whose words are in the machine's byte order, as people write it."""
    words = [int(digits[k : k + _WORD_DIGITS], 16) for k in range(0, len(digits), _WORD_DIGITS)]
    packed = b"".join(word.to_bytes(_WORD_BYTES, sys.byteorder) for word in words)
    if len(packed) == _WORD_BYTES:
        return str(ipaddress.IPv4Address(packed))
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)

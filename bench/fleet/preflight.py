"""A look at the path to each generator before a run, from the host of the servers.

Each finding has a value, what it means, and how to change it, like those of ``holabench doctor``.
"""

import socket
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.machine.doctor import Finding
from bench.translation import gettext

_PINGS = 50
_SLOW_ROUND_TRIP_MS = 1.0  # a slice of 25 ms takes two round trips more than on one machine
_IP_MTU, _IPV6_MTU = 14, 24  # ip(7), ipv6(7): of the path to the address that a socket is connected to
_ETHERNET_MTU = 1500
_REUSES_PORTS = "1"  # net.ipv4.tcp_tw_reuse: also beyond loopback


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Round trips of a question and its answer. The shortest one bounds the error of a clock by its half."""

    median_ms: float
    longest_ms: float
    shortest_ms: float

    @classmethod
    def measure(cls, ask: Callable[[], object]) -> "RoundTrips":
        """Ask some times. The first question is not counted: it may find a path that is not set up yet."""
        ask()
        times_ms = []
        for _ in range(_PINGS):
            begin_ns = time.perf_counter_ns()
            ask()
            times_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
        return cls(statistics.median(times_ms), max(times_ms), min(times_ms))


def path_mtu(address: str) -> int | None:
    """Return the largest packet of the path to an address, as the kernel knows it; None if it does not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    level, option = (socket.IPPROTO_IPV6, _IPV6_MTU) if ":" in address else (socket.IPPROTO_IP, _IP_MTU)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, 9))  # the port is of no importance: nothing is sent
            return sock.getsockopt(level, option)
        except OSError:
            return None


def check_path(name: str, round_trips: RoundTrips, mtu: int | None) -> list[Finding]:
    """Return the findings about the path to a generator."""
    slow = round_trips.median_ms > _SLOW_ROUND_TRIP_MS
    findings = [
        Finding(
            gettext("round trip to {host}", host=name),
            gettext(
                "{median:.2f} ms (median), {longest:.2f} ms (longest of {count}); clocks known to {bound:.2f} ms",
                median=round_trips.median_ms,
                longest=round_trips.longest_ms,
                count=_PINGS,
                bound=round_trips.shortest_ms / 2,
            ),
            "bad" if slow else "note",
            gettext("each latency includes it, and each slice waits for two of them"),
            gettext("use hosts of one network, or longer slices"),
        )
    ]
    if mtu is not None:
        findings.append(
            Finding(
                gettext("MTU of the path to {host}", host=name),
                gettext("{mtu} bytes", mtu=mtu),
                "bad" if mtu < _ETHERNET_MTU else "note",
                gettext("larger messages need several packets"),
                gettext("compare runs over paths with the same MTU only"),
            )
        )
    return findings


def check_machines(server: Mapping[str, Any], generators: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Return what is wrong with the machines together. Each has ``boot_id`` and ``machine``, as roles report them."""
    findings = []
    same = [name for name, each in generators.items() if each["boot_id"] == server["boot_id"] != ""]
    if same:
        findings.append(
            Finding(
                gettext("hosts"),
                gettext("{hosts} and the servers are on one machine", hosts=_listed(same)),
                "bad",
                gettext("they share its CPUs, and what they send each other may not cross a network"),
                gettext("use other hosts"),
            )
        )
    settings = {name: each["machine"].get("kernel_settings", {}) for name, each in generators.items()}
    busy = [name for name, each in settings.items() if each.get("tcp_tw_reuse") not in (_REUSES_PORTS, None)]
    if busy and not same:
        findings.append(
            Finding(
                gettext("local ports"),
                gettext("{hosts}: a port is free again after 60 s", hosts=_listed(busy)),
                "note",
                gettext("clients that come and go over TCP may run out of ports"),
                "sysctl -w net.ipv4.tcp_tw_reuse=1",
            )
        )
    return findings


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)

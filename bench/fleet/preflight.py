"""A look at the machines of a run and at the paths between them, from the host of the servers.

Each finding has a value, what it means, and how to change it, like those of ``holabench doctor``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.experiment.wire import Wire
from bench.fleet.path_findings import check_path, check_together
from bench.fleet.path_probe import Asked, PathProbe
from bench.fleet.path_report import PathReport, RoundTrips, wire_of
from bench.fleet.path_traffic import PINGS
from bench.machine.doctor import Finding
from bench.translation import gettext

_REUSES_PORTS = "1"  # net.ipv4.tcp_tw_reuse: also beyond loopback


@dataclass(frozen=True, slots=True)
class Preflight:
    """The findings. wire: what the paths carry; None if that is unknown. paths: their figures by generator."""

    findings: list[Finding]
    wire: Wire | None = None
    paths: Mapping[str, PathReport] = field(default_factory=dict)


def measure_link(ask: Callable[[], object]) -> RoundTrips:
    """Return the round trips of a command. The first one is not counted: it may find a path that is not set up yet."""
    times_ms = []
    for _ in range(1 + PINGS):
        begin_ns = time.perf_counter_ns()
        ask()
        times_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
    round_trips = RoundTrips.of_times(times_ms[1:])
    assert round_trips is not None
    return round_trips


def measure_paths(server_address: str, generators: Sequence[Asked], links: Mapping[str, RoundTrips]) -> Preflight:
    """Measure the paths to all generators, one after another, and then together. Raises LostGeneratorError."""
    try:
        probe = PathProbe(server_address)
    except OSError as error:
        return Preflight([_no_probe(server_address, error)])
    with probe:
        paths = {each.name: probe.measure(each) for each in generators}
        several = len(generators) > 1
        is_measured = not any(path.problem for path in paths.values())
        together = probe.measure_together(generators) if several and is_measured else None
    findings = []
    for name, path in paths.items():
        findings += check_path(name, path, links[name], several=several)
    wire = wire_of(list(paths.values()), together, is_ipv6=":" in server_address)
    return Preflight([*findings, *check_together(wire, list(paths))], wire, paths)


def _no_probe(server_address: str, error: OSError) -> Finding:
    return Finding(
        gettext("paths"),
        gettext("not measured ({reason})", reason=error.strerror or str(error)),
        "note",
        gettext("bandwidth and loss are unknown: {address} does not belong to this host", address=server_address),
        gettext("name an address of the host of the servers"),
    )


def host_findings(host: str, found: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return the findings of ``holabench doctor`` on a host, with its name. found: as plain values."""
    return [
        replace(finding, name=gettext("{finding} of {host}", finding=finding.name, host=host))
        for finding in (Finding(**values) for values in found)
    ]


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

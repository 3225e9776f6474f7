"""Findings about the path to a generator, like those of ``holabench doctor``."""

import math
from collections.abc import Sequence

from bench.experiment.wire import Wire
from bench.fleet.path_report import BulkFigures, LossFigures, PathReport, RoundTrips
from bench.machine.doctor import Finding
from bench.machine.network_interface import NetworkInterface
from bench.translation import gettext

_SLOW_ROUND_TRIP_MS = 1.0  # a slice of 25 ms takes two round trips more than on one machine
_UNSURE_CLOCK_MS = 1.0  # the margin at both ends is then a tenth of a window
_ETHERNET_MTU = 1500
# 81,000 requests/s of 64 bytes over TCP, each of 154 bytes on the wire: less than fast servers answer.
_SLOW_BYTES_PER_S = 100e6 / 8
_LOW_SPEED_SHARE = 0.5  # of the interface's speed
_MUCH_LOSS_SHARE = 0.001


def check_path(name: str, path: PathReport, link: RoundTrips, *, several: bool) -> list[Finding]:
    """Return the findings about the path to a generator.

    link: round trips of commands, which also bound the error of the generator's clock. several: whether there are
    other generators, which begin at the same time.
    """
    findings = [_round_trip(name, path.round_trips or link), _clock(name, link, several=several)]
    findings += [_bandwidth(name, path), _loss(name, path)]
    if path.mtu is not None:
        findings.append(
            Finding(
                gettext("MTU of the path to {host}", host=name),
                gettext("{mtu} bytes", mtu=path.mtu),
                "bad" if path.mtu < _ETHERNET_MTU else "note",
                gettext("larger messages need several packets"),
                gettext("compare runs over paths with the same MTU only"),
            )
        )
    return [*findings, _interfaces(name, path)]


def check_together(wire: Wire | None, names: Sequence[str]) -> list[Finding]:
    """Return the finding about the paths to several generators together."""
    if wire is None or len(names) < 2:
        return []
    capacity = wire.capacity
    return [
        Finding(
            gettext("bandwidth of all paths together"),
            gettext(
                "{to_servers} to the servers; {back} back",
                to_servers=_rate(capacity.to_servers),
                back=_rate(capacity.to_generators),
            ),
            "note",
            gettext("with all headers; WIRE_LIMIT names loads that come near it"),
            gettext("use a faster network, or shorter messages"),
        )
    ]


def _round_trip(name: str, round_trips: RoundTrips) -> Finding:
    return Finding(
        gettext("round trip to {host}", host=name),
        gettext(
            "{median:.2f} ms (median), {longest:.2f} ms (longest of {count})",
            median=round_trips.median_ms,
            longest=round_trips.longest_ms,
            count=round_trips.count,
        ),
        "bad" if round_trips.median_ms > _SLOW_ROUND_TRIP_MS else "note",
        gettext("each latency includes it, and each slice waits for two of them"),
        gettext("use hosts of one network, or longer slices"),
    )


def _clock(name: str, link: RoundTrips, *, several: bool) -> Finding:
    bound_ms = link.shortest_ms / 2
    return Finding(
        gettext("clock of {host}", host=name),
        gettext("its offset is known to {bound:.2f} ms", bound=bound_ms),
        "bad" if several and bound_ms > _UNSURE_CLOCK_MS else "note",
        gettext("several generators begin at the same time; so long a margin at both ends of a window does not count"),
        gettext("use hosts of one network, or longer slices"),
    )


def _bandwidth(name: str, path: PathReport) -> Finding:
    both = (path.to_servers, path.to_generator)
    known = [each.payload_bytes_per_s for each in both if each and each.payload_bytes_per_s]
    value = gettext("{to_servers} to the servers; {back} back", to_servers=_bulk(both[0]), back=_bulk(both[1]))
    if path.problem or not known:
        value = gettext("not measured ({reason})", reason=path.problem or "no data")
    speed_bytes_per_s = (path.speed_mbit or 0) * 1e6 / 8
    is_slow = any(
        each.payload_bytes_per_s < max(_SLOW_BYTES_PER_S, _LOW_SPEED_SHARE * speed_bytes_per_s)
        for each in both
        if each and each.payload_bytes_per_s and not each.host_is_limit
    )
    return Finding(
        gettext("bandwidth of the path to {host}", host=name),
        value,
        "bad" if is_slow or path.problem or not known else "note",
        gettext("one TCP stream each way, without headers; a load that needs more measures the network"),
        gettext("look for a slow link, a limit of the virtual machine or other traffic; open the ports between hosts"),
    )


def _loss(name: str, path: PathReport) -> Finding:
    loss = path.loss
    return Finding(
        gettext("loss of the path to {host}", host=name),
        _loss_value(loss) if loss else gettext("not measured (no datagram arrived)"),
        "bad" if loss is None or _is_much(loss) else "note",
        gettext("requests over UDP lose as many; TCP sends them again, which takes time"),
        gettext("look for a bad cable or a full queue; dropped datagrams need a larger net.core.rmem_max instead"),
    )


def _loss_value(loss: LossFigures) -> str:
    value = gettext(
        "{there} of {sent} datagrams lost to the servers; {back} of {echoed} back",
        there=loss.lost_to_servers,
        sent=loss.sent,
        back=loss.lost_to_generator,
        echoed=loss.echoed,
    )
    if loss.dropped:
        dropped = gettext("{count} arrived and were dropped by full buffers", count=loss.dropped)
        return f"{value}; {dropped}"
    return value


def _is_much(loss: LossFigures) -> bool:
    """Return whether a direction lost many, or all were lost on the way there."""
    there = loss.lost_to_servers > _MUCH_LOSS_SHARE * loss.sent
    return there or loss.lost_to_generator > _MUCH_LOSS_SHARE * loss.echoed


def _interfaces(name: str, path: PathReport) -> Finding:
    value = "; ".join(f"{host}: {_interface(interface)}" for host, interface in path.interfaces.items())
    return Finding(
        gettext("interfaces of the path to {host}", host=name),
        value or gettext("unknown"),
        "note",
        gettext(
            "with offloads (GRO, GSO, TSO, LRO) the kernel handles many packets as one: long messages cost less CPU "
            "time, and LRO may delay short ones"
        ),
        "ethtool -K INTERFACE lro off",
    )


def _interface(interface: NetworkInterface | None) -> str:
    if interface is None:
        return gettext("unknown")
    speed = f"{interface.speed_mbit:,} Mbit/s" if interface.speed_mbit else gettext("speed unknown")
    offloads = [f"{offload} {'on' if is_on else 'off'}" for offload, is_on in interface.offloads.items()]
    return ", ".join([interface.name, speed, *(offloads or [gettext("offloads unknown")])])


def _bulk(figures: BulkFigures | None) -> str:
    if figures is None or figures.payload_bytes_per_s is None:
        return gettext("unknown")
    rate = _rate(figures.payload_bytes_per_s)
    return gettext("at least {rate} (a host was the limit)", rate=rate) if figures.host_is_limit else rate


def _rate(bytes_per_s: float) -> str:
    if math.isnan(bytes_per_s):
        return gettext("unknown")
    mbit = bytes_per_s * 8 / 1e6
    return f"{mbit / 1000:.3g} Gbit/s" if mbit >= 999.5 else f"{mbit:.3g} Mbit/s"

"""The share of the network between the hosts that a load takes. Pure.

All bytes are those that the wire carries, with every header and the gap between two packets:

| part of a packet | bytes | source |
|---|---|---|
| preamble, frame header, checksum, gap | 8 + 14 + 4 + 12 | IEEE 802.3 |
| padding of a short frame | its content has 46 or more | IEEE 802.3 |
| IP header | 20, or 40 for IPv6 | RFC 791, RFC 8200 |
| TCP header, with time stamps | 20 + 12 | RFC 9293, RFC 7323 |
| UDP header | 8 | RFC 768 |

A network in software may count fewer of them: the limit of a virtual machine often counts 14 instead of 38 bytes around
a packet, and then short packets take up to a quarter less than computed here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

FRAME_BYTES, SHORTEST_CONTENT_BYTES = 8 + 14 + 4 + 12, 46
IPV4_BYTES, IPV6_BYTES = 20, 40
IPV6_FRAGMENT_BYTES = 8  # RFC 8200, section 4.5; IPv4 has its fields in the header
TCP_BYTES, UDP_BYTES = 20 + 12, 8
_FRAGMENT_UNIT_BYTES = 8
_SEGMENTS_PER_ACK = 2  # RFC 5681, section 4.2
# Of a session over TCP, in each direction: SYN or SYN and ACK, FIN, and the ACK of the other side's.
_SESSION_PACKETS = 3
_HOLA_BYTES = 9  # "pues hola", the longest but one message of the conversation; requests have four or five


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes on the wire, or bytes per second, in each direction."""

    to_servers: float = 0.0
    to_generators: float = 0.0

    def __add__(self, other: Self) -> "Traffic":
        return Traffic(self.to_servers + other.to_servers, self.to_generators + other.to_generators)

    def times(self, factor: float) -> "Traffic":
        """Return the traffic of several."""
        return Traffic(factor * self.to_servers, factor * self.to_generators)


@dataclass(frozen=True, slots=True)
class Packets:
    """The packets of a path, into which messages are divided."""

    mtu: int
    is_ipv6: bool = False

    @property
    def _ip_bytes(self) -> int:
        return IPV6_BYTES if self.is_ipv6 else IPV4_BYTES

    def packet_bytes(self, header_bytes: int, payload_bytes: int) -> int:
        """Return the bytes of one packet. header_bytes: of the transport."""
        return FRAME_BYTES + max(SHORTEST_CONTENT_BYTES, self._ip_bytes + header_bytes + payload_bytes)

    def stream_share(self) -> float:
        """Return which share of the bytes on the wire is payload in a long TCP stream."""
        payload = self.mtu - self._ip_bytes - TCP_BYTES
        return payload / self.packet_bytes(TCP_BYTES, payload)

    def message_bytes(self, transport: str, size: int) -> int:
        """Return the bytes of a message that goes alone."""
        if transport == "udp":
            return self._datagram_bytes(size)
        segments = self._segments(size)
        headers = segments * (FRAME_BYTES + self._ip_bytes + TCP_BYTES)
        return max(headers + size, self.packet_bytes(TCP_BYTES, 0))

    def request_traffic(self, transport: str, request_bytes: int, reply_bytes: int) -> Traffic:
        """Return the traffic of a request and its reply.

        Over TCP a reply also acknowledges its request, and the next request the reply. A message of several segments is
        acknowledged once for two of them, too.
        """
        traffic = Traffic(self.message_bytes(transport, request_bytes), self.message_bytes(transport, reply_bytes))
        if transport == "udp":
            return traffic
        ack_bytes = self.packet_bytes(TCP_BYTES, 0)
        acks = [self._segments(size) // _SEGMENTS_PER_ACK for size in (reply_bytes, request_bytes)]
        return traffic + Traffic(*(float(ack_bytes * count) for count in acks))

    def session_traffic(self, transport: str) -> Traffic:
        """Return the traffic of opening and closing a connection."""
        if transport == "udp":
            return Traffic()
        each = float(_SESSION_PACKETS * self.packet_bytes(TCP_BYTES, 0))
        return Traffic(each, each)

    def _segments(self, size: int) -> int:
        return max(1, math.ceil(size / (self.mtu - self._ip_bytes - TCP_BYTES)))

    def _datagram_bytes(self, size: int) -> int:
        """Return the bytes of a datagram, which IP divides if it is longer than a packet."""
        if self._ip_bytes + UDP_BYTES + size <= self.mtu:
            return self.packet_bytes(UDP_BYTES, size)
        fragment_header = IPV6_FRAGMENT_BYTES if self.is_ipv6 else 0
        room = (self.mtu - self._ip_bytes - fragment_header) // _FRAGMENT_UNIT_BYTES * _FRAGMENT_UNIT_BYTES
        fragments = math.ceil((UDP_BYTES + size) / room)
        return fragments * (FRAME_BYTES + self._ip_bytes + fragment_header) + UDP_BYTES + size


@dataclass(frozen=True, slots=True)
class Wire:
    """The paths between the hosts of a run. capacity: bytes per second of all together; nan if it is unknown."""

    packets: Packets
    capacity: Traffic

    def share(self, traffic: Traffic) -> float:
        """Return the share of the capacity that a traffic per second takes, in the direction that is nearer to its end.

        nan if no capacity is known.
        """
        shares = [
            traffic.to_servers / self.capacity.to_servers,
            traffic.to_generators / self.capacity.to_generators,
        ]
        return max((share for share in shares if not math.isnan(share)), default=math.nan)


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one population: how many per second, and of what size. message_bytes: None for hola."""

    per_s: float
    message_bytes: int | None
    per_session: float = 0.0  # requests of one connection; 0 if connections stay


def load_share(wire: Wire, transport: str, populations: Iterable[Requests]) -> float:
    """Return which share of the wire a load takes with all its populations; nan if it is unknown."""
    packets, total = wire.packets, Traffic()
    for each in populations:
        size = each.message_bytes or _HOLA_BYTES  # a reply is as long as its request
        total += packets.request_traffic(transport, size, size).times(each.per_s)
        if each.per_session:
            total += packets.session_traffic(transport).times(each.per_s / each.per_session)
    return wire.share(total)

"""The load as the compiled loop takes it.

Plain integers, decided once before the load begins.
"""

from typing import NamedTuple

ECHO_HEADER_BYTES = 12  # connection (4) and request number (8), at the start of every echo message with room for them
CONSTANT, POISSON, BURST = range(3)  # kinds of arrivals
NORMAL, SILENT, TRICKLE, NEVER_READS = range(4)  # behaviours of a client


class LoadParams(NamedTuple):
    """The parameters of the load that a thread puts on its server.

    Durations are in nanoseconds; flags are 0 or 1, as the compiled loop needs them.
    """

    tcp: int
    echo: int  # a reply repeats its request: the protocols echo and work
    work: int  # the protocol is work
    work_kinds: int  # number of kinds of work in the mix
    number_at: int  # offset of the request number in a message, after the connection's
    header_bytes: int  # a message with less has no room for the number
    session: int
    ends_with_adios: int  # hola sessions end with it
    requests_per_session: int
    message_bytes: int  # the largest size if sizes are mixed
    mixed: int  # message sizes vary
    depth: int  # maximum number of requests in flight on a connection
    numbered: int  # a reply can be distinguished from the reply to an earlier request
    timeout_ns: int
    spin_ns: int  # how long to poll without sleeping; practically infinite on a CPU of its own
    open_loop: int
    arrivals: int  # CONSTANT, POISSON or BURST
    think_ns: int  # closed loop: pause between a reply and the next request
    behaviour: int  # NORMAL, SILENT, TRICKLE or NEVER_READS
    trickle_ns: int  # TRICKLE: pause between two bytes
    unread_limit_bytes: int  # NEVER_READS: a connection sends no more
    retries: int  # times that a request without a reply is sent again
    phases: int  # number of phases; 0: the load has none
    lost_remembered: int  # given-up requests that a connection remembers, to distinguish late replies from duplicates
    raw_room: int  # maximum number of raw rows
    ticks: int  # sleep in whole milliseconds: an injected fault that tests the instrument

"""The findings: quality codes about the server, with their thresholds, meanings and advice.

A finding names what a number contains; the number is right. See ``clients.quality_catalogue``.
"""

from clients.connection_codes import CONNECTION_CODES
from clients.quality_codes import RATES_AND_TIMES, QualityCode

FINDINGS = (
    QualityCode(
        name="STARVED_CONNECTIONS",
        short="connections without any reply: {}",
        meaning="connections that got no reply at all",
        advice="the server does not serve this many persistent connections at a time: compare it with short sessions",
        suspect=0,
        format="{:.0f}",
        concerns=RATES_AND_TIMES,
        is_finding=True,
    ),
    # The kernel or the server lost them, so another generator would lose them, too.
    QualityCode(
        name="LOSS",
        short="{} of requests lost",
        meaning="share of requests without a reply in a closed loop; they count as infinite service time",
        advice="the server, or a full socket buffer in front of it, dropped them: see BLOCKED_BY_LOSS for the rate",
        suspect=0,
        format="{:.3%}",
        is_finding=True,
    ),
    QualityCode(
        name="OPEN_LOOP_LOSS",
        short="{} of requests lost",
        meaning="share of requests without a reply in an open loop; they count as infinite latency",
        advice="the server, or a full socket buffer in front of it, dropped them: see kernel_drops",
        suspect=0,
        format="{:.3%}",
        is_finding=True,
    ),
    QualityCode(
        name="UNEXPLAINED_LOSS",
        short="{} of datagrams lost, but not dropped by a socket",
        meaning="lost datagrams that no socket of this machine dropped, as a share of those sent",
        advice="the server read them and did not answer",
        suspect=0.0001,
        format="{:.3%}",
        is_finding=True,
    ),
    QualityCode(
        name="OVERLOAD",
        short="replies at {} of the requested rate",
        meaning="replies by their share inside the window, as a share of the requests due in it",
        advice="the server cannot keep up with this rate: its latency grows for as long as the load lasts",
        suspect=0.99,
        low_is_bad=True,
        format="{:.1%}",
        transient=True,
        is_finding=True,
    ),
    QualityCode(
        name="UNSENT",
        short="{} of requests never sent",
        meaning="share of scheduled requests for which no connection was free in time",
        advice="more connections or more depth would send them; they count as infinite latency",
        suspect=0,
        format="{:.3%}",
        transient=True,
        is_finding=True,
    ),
    QualityCode(
        name="CONNECTION_WAIT",
        short="{} of requests waited for a connection",
        meaning="share of requests that waited for a free connection; the wait is part of the latency",
        advice="the server answers too slowly for so few connections; with more, requests would be sent sooner",
        suspect=0.01,
        format="{:.1%}",
        concerns=RATES_AND_TIMES,
        transient=True,
        is_finding=True,
    ),
    QualityCode(
        name="SILENT_PHASE",
        short="no correct reply in a phase",
        meaning="no request of this phase was answered, though the server answered some in an earlier phase",
        advice="the server still works on earlier requests, or accepts no connection; see the time to recover",
        suspect=0,
        format="",
        is_finding=True,
    ),
    # A delayed acknowledgement waits 40 ms. A cluster of latencies there means two small writes without
    # TCP_NODELAY.
    QualityCode(
        name="DELAYED_ACK",
        short="{} of latencies near 40 ms, as with delayed ACKs",
        meaning="share of latencies around 40 ms, the delay of a postponed acknowledgement",
        advice="set TCP_NODELAY in the server, or write each reply with one call",
        suspect=0.001,
        format="{:.2%}",
        concerns=RATES_AND_TIMES,
        is_finding=True,
    ),
    # The kernel repeats a SYN that met a full backlog after 1 s and again after 2 s.
    QualityCode(
        name="SYN_RETRANSMITS",
        short="{} of connects took one or two seconds",
        meaning="share of connects that took one or two seconds, as after a full backlog",
        advice="use a larger backlog (and net.core.somaxconn), or accept sooner",
        suspect=0.001,
        format="{:.2%}",
        concerns=RATES_AND_TIMES,
        is_finding=True,
    ),
    QualityCode(
        name="LATE_REPLIES",
        short="replies after the timeout: {}",
        meaning="replies that came after the timeout",
        advice="the server stalled for longer than the timeout; they count as infinite latency",
        suspect=0,
        format="{:.0f}",
        is_finding=True,
    ),
    *CONNECTION_CODES,
    QualityCode(
        name="ERRORS",
        short="other failed socket operations: {}",
        meaning="failed socket operations without a code of their own (trials.csv lists kinds and counts)",
        advice="look at the kinds in the column errors",
        suspect=0,
        format="{:.0f}",
        is_finding=True,
    ),
    # Jain's index over the index that an even chance would give; see R. Jain et al., DEC-TR-301 (1984).
    QualityCode(
        name="UNFAIR_SERVICE",
        short="fairness at {} of an even spread",
        meaning="Jain's fairness index of the connections, as a share of what an even spread would give",
        advice="some connections were served much more often than others, which medians hide",
        suspect=0.95,
        low_is_bad=True,
        format="{:.1%}",
        transient=True,
        concerns=RATES_AND_TIMES,
        is_finding=True,
    ),
)

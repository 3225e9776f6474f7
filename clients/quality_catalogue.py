"""The quality codes with their thresholds, meanings and advice.

No other place has them. The thresholds are conventions with reasons, not laws; a plan can change them.
``docs/quality-codes.md`` is generated from this table.
"""

from clients.quality_codes import QualityCode, Thresholds

CATALOGUE = {
    code.name: code
    for code in (
        QualityCode(
            name="NO_REQUESTS_SENT",
            meaning="the generator sent no request",
            advice="look at the errors of the trial; the server may not have been reachable",
            suspect=0,
            invalid=0,
            format="",
        ),
        QualityCode(
            name="NO_REPLIES",
            meaning="requests were sent and none was answered correctly",
            advice="look at the errors of the trial; it says nothing about this server",
            suspect=0,
            invalid=0,
            format="",
        ),
        QualityCode(
            name="PORTS_EXHAUSTED",
            meaning="connection attempts that failed because no local port was free",
            advice="lower the rate of new connections, or widen net.ipv4.ip_local_port_range",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="GENERATOR_DROPS",
            meaning="replies that the kernel dropped at the generator's own datagram sockets",
            advice="give the generator more CPU time or larger socket buffers (net.core.rmem_max)",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="CORRUPT_REPLIES",
            meaning="replies that did not match the protocol",
            advice="fix the server: it answers wrongly, so its numbers mean nothing",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="STARVED_CONNECTIONS",
            meaning="connections that got no reply at all",
            advice="the model cannot serve this many persistent connections: compare it with short sessions instead",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        # A busy generator adds its own queue to what it measures. Above 90 % it is the limit itself.
        QualityCode(
            name="GENERATOR_SATURATED",
            meaning="share of its CPU that the generator used: the figure may be the generator's, not the server's",
            advice="give the generator more CPUs; the server's true rate is at least this figure",
            suspect=0.70,
            invalid=0.90,
            transient=True,
            concerns_costs=False,
        ),
        # Replaces GENERATOR_SATURATED where a closed loop bounds the error. By the utilisation law a server's rate is
        # its CPU share over its CPU time per request (Denning and Buzen 1978). A faster generator could only have used
        # the CPU share that was left.
        QualityCode(
            name="RATE_UNDERESTIMATED",
            meaning="share of the servers' CPUs left idle by a saturated generator: the largest error of the rate",
            advice="give the generator more CPUs; up to this share of the server's true rate may be missing",
            suspect=0.05,
            invalid=0.20,
            format="{:.1%}",
            transient=True,
            concerns_costs=False,
        ),
        # "Benchmark the test equipment first" (RFC 9971): near its own limit a tool measures itself.
        QualityCode(
            name="NEAR_GENERATOR_LIMIT",
            meaning="requested rate, as a share of what the generator reaches with the baseline server",
            advice="give the generator more CPUs, or lower the rate",
            suspect=0.5,
            invalid=0.8,
            concerns_costs=False,
        ),
        # How punctual the open loop was. A request may leave 50 us late, or late by 5 % of the median latency.
        QualityCode(
            name="LATE_SENDS",
            meaning="share of requests that the generator itself sent late",
            advice="give the generator a CPU of its own; close other programs on it",
            suspect=0.001,
            invalid=0.05,
            format="{:.2%}",
            transient=True,
            concerns_costs=False,
        ),
        QualityCode(
            name="LATENESS_IN_LATENCY",
            meaning="increase of a latency percentile (p50, p99 or p99.9) caused by the generator's own lateness",
            advice="give the generator a CPU of its own; the server is faster than these percentiles",
            suspect=0.05,
            invalid=0.20,
            format="{:.1%}",
            transient=True,
            concerns_costs=False,
        ),
        QualityCode(
            name="POLL_BATCH_DELAY",
            meaning="time the generator needed for the events of one poll (p99.9), as a share of the latency's p99",
            advice="use more generator CPUs or fewer connections per CPU: replies wait for each other in the generator",
            suspect=0.05,
            invalid=0.20,
            format="{:.1%}",
            transient=True,
            concerns_costs=False,
        ),
        QualityCode(
            name="RUN_DELAY",
            meaning="share of the time in which the generator was ready to run and another process had its CPU",
            advice="move other programs to other CPUs, or close them",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
        ),
        QualityCode(
            name="CPU_STEAL",
            meaning="share of CPU time that the hypervisor gave to other machines",
            advice="rerun at another hour, or on a machine that is not shared",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
        ),
        QualityCode(
            name="BACKGROUND_LOAD",
            meaning="share of the servers' CPU time used by unrelated processes",
            advice="close other programs, or keep them off these CPUs",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
        ),
        QualityCode(
            name="GENERATOR_GC",
            meaning="garbage collections in the generator under load",
            advice="report a bug: the generator must not collect garbage under load",
            suspect=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="MAJOR_FAULTS",
            meaning="pages that the generator read from disk under load",
            advice="free memory",
            suspect=0,
            format="{:.0f}",
            transient=True,
        ),
        QualityCode(
            name="SLOW_CLOCKSOURCE",
            meaning="the kernel's clock source is slow or coarse",
            advice="select tsc or kvm-clock (/sys/devices/system/clocksource)",
            suspect=0,
            format="",
        ),
        # Little's law (Little 1961), with a count of requests in flight that uses no time stamp. It detects lost
        # requests, double counts and faulty clocks.
        QualityCode(
            name="LITTLES_LAW_VIOLATED",
            meaning="difference between the observed number in flight and rate x time in flight",
            advice="report a bug: requests were lost or counted twice, or a clock is wrong",
            suspect=0.02,
            invalid=0.05,
            format="{:.1%}",
        ),
        QualityCode(
            name="SHARED_CPUS",
            meaning="generator and server ran on the same CPUs and took time from each other",
            advice="use a machine with at least two CPUs; do not compare with pinned runs",
            suspect=0,
            format="",
        ),
        # A lost request blocks its slot of a closed loop until the timeout: 0.1 % already lowers the rate.
        QualityCode(
            name="LOSS",
            meaning="share of requests without a reply in a closed loop",
            advice="each one blocked its connection until the timeout: the true rate is higher",
            suspect=0,
            invalid=0.001,
            format="{:.3%}",
        ),
        # In an open loop a lost request is a finding: it has infinite latency in the percentiles.
        QualityCode(
            name="OPEN_LOOP_LOSS",
            meaning="share of requests without a reply in an open loop; they count as infinite latency",
            advice="the server, or a full socket buffer in front of it, dropped them: see kernel_drops",
            suspect=0,
            format="{:.3%}",
        ),
        QualityCode(
            name="UNEXPLAINED_LOSS",
            meaning="lost datagrams that no socket of this machine dropped, as a share of those sent",
            advice="the server read them and did not answer",
            suspect=0.0001,
            format="{:.3%}",
        ),
        QualityCode(
            name="OVERLOAD",
            meaning="replies inside the window, as a share of the requests due in it",
            advice="the server cannot keep up with this rate: its latency grows for as long as the load lasts",
            suspect=0.99,
            low_is_bad=True,
        ),
        QualityCode(
            name="UNSENT",
            meaning="share of scheduled requests for which no connection was free in time",
            advice="more connections or more depth would send them; they count as infinite latency",
            suspect=0,
            format="{:.3%}",
        ),
        QualityCode(
            name="CONNECTION_WAIT",
            meaning="share of requests that waited for a free connection; the wait is part of the latency",
            advice="a finding about the server, unless it needs more connections",
            suspect=0.01,
            format="{:.1%}",
            concerns_costs=False,
        ),
        QualityCode(
            name="DRIFT",
            meaning="change of the median from the start of the load to its end",
            advice="load longer, warm up longer, or look for what changes in the server",
            suspect=0.10,
            invalid=0.25,
            format="{:.0%}",
        ),
        QualityCode(
            name="WARMUP_TOO_SHORT",
            meaning="share of the load that still belongs to the warm-up (judged only if there is a drift)",
            advice="warm up longer (--warmup)",
            suspect=0.10,
            invalid=0.33,
            format="{:.0%}",
        ),
        # A delayed acknowledgement waits 40 ms. A cluster of latencies there means two small writes without
        # TCP_NODELAY.
        QualityCode(
            name="DELAYED_ACK",
            meaning="share of latencies around 40 ms, the delay of a postponed acknowledgement",
            advice="set TCP_NODELAY in the server, or write each reply with one call",
            suspect=0.001,
            format="{:.2%}",
        ),
        # The kernel repeats a SYN that met a full backlog after 1 s and again after 2 s.
        QualityCode(
            name="SYN_RETRANSMITS",
            meaning="share of connects that took one or two seconds, as after a full backlog",
            advice="use a larger backlog (and net.core.somaxconn), or accept sooner",
            suspect=0.001,
            format="{:.2%}",
        ),
        QualityCode(
            name="LATE_REPLIES",
            meaning="replies that came after the timeout",
            advice="the server or the machine stalled; rerun on a quiet machine",
            suspect=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="ERRORS",
            meaning="failed socket operations (trials.csv lists kinds and counts)",
            advice="look at the kinds: resets come from the server, refused connections from its backlog",
            suspect=0,
            format="{:.0f}",
        ),
        # Jain's index over the index that an even chance would give; see R. Jain et al., DEC-TR-301 (1984).
        QualityCode(
            name="UNFAIR_SERVICE",
            meaning="Jain's fairness index of the connections, as a share of what an even spread would give",
            advice="some connections were served much more often than others, which the average hides",
            suspect=0.95,
            low_is_bad=True,
        ),
        QualityCode(
            name="FAILED_BLOCKS",
            meaning="blocks in which the case failed; the numbers come from the other blocks",
            advice="read the reasons in trials.csv",
            suspect=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="FEW_BLOCKS",
            meaning="number of blocks: too few for a 95 % interval, or for any comparison",
            advice="run more blocks (--blocks 10)",
            suspect=0,
            format="{:.0f}",
        ),
        # Models mostly moved a third farther than the baseline server between two runs (docs/limitations.md). A machine
        # that moved by 20 % leaves 7 % in their ratios to it, more than most differences of interest.
        QualityCode(
            name="MACHINE_DRIFT",
            meaning="change of the baseline server between the two runs, that is, of the machine itself",
            advice="measure both again on a quiet machine, or better both servers in one run",
            suspect=0.03,
            invalid=0.20,
            format="{:.1%}",
        ),
        QualityCode(
            name="NO_PASSING_RATE",
            meaning="no rate of the search met the objective",
            advice="allow a longer time in the objective, or look at the server at a low rate",
            suspect=0,
            format="",
        ),
        QualityCode(
            name="NO_FAILING_RATE",
            meaning="every rate of the search met the objective: the maximum rate is higher",
            advice="use more connections, so that the generator can send more",
            suspect=0,
            format="",
        ),
        # The relative error of a percentile grows with the inverse root of the number of samples beyond it.
        QualityCode(
            name="FEW_SAMPLES",
            meaning="samples beyond the percentile in one block: below 100 it is rough, below 10 it is not printed",
            advice="run longer (--seconds)",
            suspect=100,
            low_is_bad=True,
            format="{:.0f}",
        ),
    )
}

DEFAULT_THRESHOLDS = Thresholds(CATALOGUE)

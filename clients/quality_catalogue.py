"""The quality codes with their thresholds, meanings and advice: the doubts here, the findings in ``quality_findings``.

No other place has them. The thresholds are conventions with reasons, not laws; a plan can change them.
``docs/quality-codes.md`` is generated from this table.

A code is a doubt if the number may differ from what another generator, or a quiet machine, would measure. It is a
finding if they would measure the same: then the number is right, and the code names what it contains.
"""

from clients.cpu_time_codes import CPU_TIME_CODES
from clients.generator_codes import GENERATOR_CODES
from clients.quality_codes import ALL_BUT_MEMORY, RATES_AND_TIMES, REQUEST_TIMES, QualityCode, Quantity, Thresholds
from clients.quality_findings import FINDINGS

CATALOGUE = {
    code.name: code
    for code in (
        QualityCode(
            name="NO_REQUESTS_SENT",
            short="no request was sent",
            meaning="the generator sent no request",
            advice="look at the errors of the trial; the server may not have been reachable",
            suspect=0,
            invalid=0,
            format="",
        ),
        QualityCode(
            name="NO_REPLIES",
            short="no correct reply",
            meaning="requests were sent, and no correct reply falls inside a window, or inside half of the windows; "
            "in an open loop and in a phase: no request was answered",
            advice="look at the errors of the trial; it shows nothing about this server",
            suspect=0,
            invalid=0,
            format="",
        ),
        QualityCode(
            name="PORTS_EXHAUSTED",
            short="connection attempts without a free local port: {}",
            meaning="connection attempts that failed because no local port was free",
            advice="lower the rate of new connections, or widen net.ipv4.ip_local_port_range, or between machines set "
            "net.ipv4.tcp_tw_reuse = 1 on the generator's host",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="DESCRIPTORS_EXHAUSTED",
            short="connection attempts without a free descriptor in the generator: {}",
            meaning="connection attempts that failed because the generator had no free file descriptor",
            advice="raise the limit of open files (ulimit -n), or use fewer connections",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="GENERATOR_DROPS",
            short="replies dropped at the generator's sockets: {}",
            meaning="replies that the kernel dropped at the generator's own datagram sockets",
            advice="give the generator more CPU time or larger socket buffers (net.core.rmem_max)",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        # Such a load mixes the time of a server that works with the time after its end, in which nothing is answered.
        QualityCode(
            name="SERVER_GONE",
            short="nobody listened after the load",
            meaning="after the load, nobody listened any longer at the server's address",
            advice="the server ended during the load: see its log; these are not the numbers of a server that works",
            suspect=0,
            invalid=0,
            format="",
        ),
        QualityCode(
            name="CORRUPT_REPLIES",
            short="corrupt replies: {}",
            meaning="replies that did not match the protocol",
            advice="fix the server: it answers wrongly, so its numbers mean nothing",
            suspect=0,
            invalid=0,
            format="{:.0f}",
        ),
        # A busy generator adds its own queue to what it measures. Above 90% it is the limit itself.
        QualityCode(
            name="GENERATOR_SATURATED",
            short="generator used {} of its CPU",
            meaning="share of its CPU that the generator used: the figure may be the generator's, not the server's",
            advice="give the generator more CPUs; the server's true rate is at least this figure",
            suspect=0.70,
            invalid=0.90,
            format="{:.1%}",
            transient=True,
            concerns=RATES_AND_TIMES,
        ),
        # Replaces GENERATOR_SATURATED where a closed loop bounds the error. By the utilisation law a server's rate is
        # its CPU share over its CPU time per request (Denning and Buzen 1978). A faster generator could only have used
        # the CPU share that was left.
        QualityCode(
            name="RATE_UNDERESTIMATED",
            short="rate possibly {} too low",
            meaning="share of the servers' CPUs left idle by a saturated generator: the largest error of the rate",
            advice="give the generator more CPUs; up to this share of the server's true rate may be missing",
            suspect=0.05,
            invalid=0.20,
            format="{:.1%}",
            transient=True,
            concerns=RATES_AND_TIMES,
        ),
        # "Benchmark the test equipment first" (RFC 9971): near its own limit a tool measures itself.
        QualityCode(
            name="NEAR_GENERATOR_LIMIT",
            short="rate at {} of the generator's limit",
            meaning="requested rate, as a share of what the generator reaches with the baseline server",
            advice="give the generator more CPUs, or lower the rate",
            suspect=0.5,
            invalid=0.8,
            format="{:.1%}",
            concerns=RATES_AND_TIMES,
        ),
        # A packet waits for those before it: in a queue with random arrivals for 2.3 times its own time on the wire at
        # 70%, and for nine times at 90% (rho / (1 - rho), Kleinrock 1975). What is beyond 90% is close to all: the
        # capacity itself is measured to some per cent, and acknowledgements and other traffic are not counted.
        QualityCode(
            name="WIRE_LIMIT",
            short="load took {} of the network's bandwidth",
            meaning="share of the measured bandwidth between the hosts that the load took, with all headers: the "
            "figure may be the network's, not the server's",
            advice="use a faster network, shorter messages or a lower rate; the server's true rate is at least this "
            "figure",
            suspect=0.70,
            invalid=0.90,
            format="{:.0%}",
            concerns=RATES_AND_TIMES,
        ),
        # How punctual the open loop was, for each percentile. Late requests can move a percentile only if they are many
        # compared with the requests beyond it: the thresholds are a tenth of these, and all of these.
        QualityCode(
            name="LATE_SENDS",
            short="{} of requests sent late",
            meaning="share of requests that the generator sent late, by more than 50 µs and 5% of the percentile",
            advice="give the generator a CPU of its own; close other programs on it",
            suspect=0.1,
            invalid=1.0,
            format="{:.2%}",
            transient=True,
            concerns=REQUEST_TIMES,
            of_percentile=True,
            of_tail=True,
        ),
        QualityCode(
            name="LATENESS_IN_LATENCY",
            short="late sends raised a latency percentile by {}",
            meaning="increase of a latency percentile caused by the generator's own lateness",
            advice="give the generator a CPU of its own; the server is faster than this percentile",
            suspect=0.05,
            invalid=0.20,
            format="{:.1%}",
            transient=True,
            concerns=frozenset({Quantity.LATENCY}),
            of_percentile=True,
        ),
        QualityCode(
            name="POLL_BATCH_DELAY",
            short="generator's poll took {} of a latency percentile",
            meaning="time the generator needed for the events of one poll, as a share of the latency's percentile",
            advice="use more generator CPUs or fewer connections per CPU: replies wait for each other in the generator",
            suspect=0.05,
            invalid=0.20,
            format="{:.1%}",
            transient=True,
            concerns=REQUEST_TIMES,
            of_percentile=True,
        ),
        *GENERATOR_CODES,
        QualityCode(
            name="RUN_DELAY",
            short="generator preempted {} of the time",
            meaning="share of the time in which the generator was ready to run and another thread had its CPU",
            advice="move other programs to other CPUs, or close them",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
            concerns=RATES_AND_TIMES,
        ),
        QualityCode(
            name="CPU_STEAL",
            short="hypervisor took {} of the CPU time",
            meaning="share of CPU time that the hypervisor gave to other machines",
            advice="rerun at another hour, or on a machine that is not shared",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
            concerns=ALL_BUT_MEMORY,
        ),
        QualityCode(
            name="CPU_THROTTLED",
            short="the container's quota stopped the CPUs for {} of the time",
            meaning="share of CPU time in which the quota of this container was used up and its processes were stopped",
            advice="give the container more CPUs, or a cpuset instead of a quota",
            suspect=0.001,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
            concerns=ALL_BUT_MEMORY,
        ),
        QualityCode(
            name="BACKGROUND_LOAD",
            short="other processes took {} of the servers' CPU time",
            meaning="share of the servers' CPU time used by unrelated processes",
            advice="close other programs, or keep them off these CPUs",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            transient=True,
            concerns=ALL_BUT_MEMORY,
        ),
        *CPU_TIME_CODES,
        QualityCode(
            name="GENERATOR_GC",
            short="garbage collections in the generator: {}",
            meaning="garbage collections in the generator under load",
            advice="report a bug: the generator must not collect garbage under load",
            suspect=0,
            format="{:.0f}",
            concerns=RATES_AND_TIMES,
        ),
        QualityCode(
            name="MAJOR_FAULTS",
            short="pages read from disk: {}",
            meaning="pages that the generator read from disk under load",
            advice="free memory",
            suspect=0,
            format="{:.0f}",
            transient=True,
            concerns=RATES_AND_TIMES,
        ),
        QualityCode(
            name="SLOW_CLOCKSOURCE",
            short="slow clock source",
            meaning="the kernel's clock source is slow or coarse",
            advice="select tsc or kvm-clock (/sys/devices/system/clocksource)",
            suspect=0,
            format="",
            concerns=RATES_AND_TIMES,
        ),
        # Little's law (Little 1961), with a count of requests in flight that uses no time stamp. It detects lost
        # requests, double counts and faulty clocks.
        QualityCode(
            name="LITTLES_LAW_VIOLATED",
            short="Little's law violated by {}",
            meaning="difference between the observed number in flight and rate x time in flight",
            advice="report a bug: requests were lost or counted twice, or a clock is wrong",
            suspect=0.02,
            invalid=0.05,
            format="{:.1%}",
            concerns=RATES_AND_TIMES,
        ),
        QualityCode(
            name="SHARED_CPUS",
            short="generator and server shared their CPUs",
            meaning="generator and server ran on the same CPUs, or on one core, and took time from each other",
            advice="use a machine with at least two cores; compare rates and CPU times of this run only, no latencies",
            suspect=0,
            format="",
        ),
        # In a closed loop a lost request blocks its slot until the timeout, which the plan sets and not the server.
        QualityCode(
            name="BLOCKED_BY_LOSS",
            short="lost requests blocked connections {} of the time",
            meaning="share of the connections' time that was spent waiting for lost replies: this share of the "
            "rate is missing in a closed loop",
            advice="measure this load in an open loop, or with fewer connections; the rate depends on the timeout",
            suspect=0.01,
            invalid=0.05,
            format="{:.1%}",
            concerns=frozenset({Quantity.RATE}),
        ),
        QualityCode(
            name="DRIFT",
            short="median drifted by {}",
            meaning="change of the median from the start of the load to its end",
            advice="load longer, warm up longer, or look for what changes in the server",
            suspect=0.10,
            invalid=0.25,
            format="{:.0%}",
        ),
        QualityCode(
            name="WARMUP_TOO_SHORT",
            short="{} of the load was still warm-up",
            meaning="share of the load that still belongs to the warm-up (judged only if there is a drift)",
            advice="warm up longer (--warmup)",
            suspect=0.10,
            invalid=0.33,
            format="{:.0%}",
        ),
        QualityCode(
            name="FAILED_BLOCKS",
            short="failed blocks: {}",
            meaning="blocks in which the case failed; the numbers come from the other blocks",
            advice="read the reasons in trials.csv",
            suspect=0,
            format="{:.0f}",
        ),
        QualityCode(
            name="FEW_BLOCKS",
            short="too few blocks: {}",
            meaning="blocks with a value: fewer than 6 give no 95% interval, fewer than 3 no comparison",
            advice="run more blocks (--blocks 10)",
            suspect=6,
            low_is_bad=True,
            format="{:.0f}",
        ),
        # Models mostly moved a third farther than the baseline server between two runs (docs/statistics.md). A machine
        # that moved by 20% leaves 7% in their ratios to it, more than most differences of interest.
        QualityCode(
            name="MACHINE_DRIFT",
            short="baseline server changed by {} between the runs",
            meaning="change of the baseline server between the two runs, that is, of the machine itself",
            advice="measure both again on a quiet machine, or better both servers in one run",
            suspect=0.03,
            invalid=0.20,
            format="{:.1%}",
        ),
        QualityCode(
            name="NO_PASSING_RATE",
            short="no rate met the objective",
            meaning="no rate of the search met the objective",
            advice="allow a longer time in the objective, or look at the server at a low rate",
            suspect=0,
            format="",
        ),
        QualityCode(
            name="NO_FAILING_RATE",
            short="every rate met the objective",
            meaning="every rate of the search met the objective: the maximum rate is higher",
            advice="use more connections, so that the generator can send more",
            suspect=0,
            format="",
        ),
        # The scatter of a percentile is part of its interval over the blocks. Its bias is not: a sample quantile with m
        # values beyond it lies at (m + 1) / (n + 1) instead of m / n, which is 1/25 more for m = 25.
        QualityCode(
            name="FEW_SAMPLES",
            short="samples beyond the percentile: {}",
            meaning="samples beyond the percentile in one block: below 25 it is rough, below 10 it is not printed",
            advice="run longer (--seconds)",
            suspect=25,
            low_is_bad=True,
            format="{:.0f}",
            of_percentile=True,
            concerns=REQUEST_TIMES,
        ),
        *FINDINGS,
    )
}

DEFAULT_THRESHOLDS = Thresholds(CATALOGUE)

"""The quality codes about a server's CPU time: a part of ``clients.quality_catalogue``."""

from clients.quality_codes import COSTS, QualityCode, Quantity

CPU_TIME_CODES = (
    # A reply takes system calls of the server, and a CPU has no more time than has passed. Such a figure belongs to
    # other processes than the server's.
    QualityCode(
        name="CPU_TIME_IMPOSSIBLE",
        short="impossible CPU time",
        meaning="CPU time that no server can have: none although it answered, or more than its CPUs have",
        advice="look at its processes: another program may have answered, or the server works while it is idle",
        suspect=0,
        invalid=0,
        format="",
    ),
    QualityCode(
        name="CPU_TIME_UNKNOWN",
        short="CPU time unknown",
        meaning="the server ignores SIGCHLD, so the kernel forgets the CPU time of processes that end; or some of "
        "its processes left its cgroup",
        advice="wait for child processes in the server, or run holabench where it can create a cgroup: as root, or "
        "in systemd-run --user --scope -p Delegate=yes",
        suspect=0,
        format="",
        concerns=COSTS,  # what nobody saw has memory, too
    ),
    # Processes that end leave their CPU time to their parent in ticks; two of them bound the error of the sum.
    QualityCode(
        name="CPU_TIME_COARSE",
        short="CPU time known to {}",
        meaning="resolution of the CPU time where processes end: two ticks, as a share of it",
        advice="run longer (--seconds)",
        suspect=0.05,
        format="{:.1%}",
        concerns=frozenset({Quantity.CPU_TIME}),
    ),
)

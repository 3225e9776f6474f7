"""The terms that a report explains; ``docs/glossary.md`` has all terms."""

from collections.abc import Collection, Iterable

import pandas as pd

from bench.report.caveats import ScenarioCaveats
from bench.schema.arms import Arm
from bench.translation import N_, gettext
from clients.quality_codes import Thresholds
from servers import registry

TERMS = (
    (
        N_("server"),
        N_("A model, e.g. select, with its transport and its Python interpreter. The data files call it an arm."),
    ),
    (N_("reference"), N_("The server with which the other servers of its transport are compared.")),
    (
        N_("control"),
        N_("The reference, measured a second time under another name. Any difference between the two is noise."),
    ),
    (
        N_("noise floor"),
        (
            N_(
                "How far the reference and its control may differ, although they are the same program: "
                "the end farthest from 1 of a control's interval. Each metric at each load has its own. "
                "A smaller difference may be noise."
            )
        ),
    ),
    (
        N_("baseline"),
        N_("A compiled server, not ranked. A line below each table of rates states whether any server was faster."),
    ),
    (N_("closed loop"), N_("Each client sends its next request when the last reply arrives.")),
    (N_("open loop"), N_("Requests follow a schedule, whether or not earlier ones were answered.")),
    (N_("service time"), N_("Time from sending a request to its reply.")),
    (N_("latency"), N_("Time from when a request was due to its reply. It exists only in an open loop.")),
    (N_("session"), N_("A client connects, sends a few requests and disconnects.")),
    (
        N_("hola, adios"),
        N_("The words of the session protocol: a client sends hola several times, and adios at the end."),
    ),
    (
        N_("in Python code, one thread at a time"),
        N_("Pure Python holds the interpreter's lock (GIL) while it computes, so other threads of the server wait."),
    ),
    (
        N_("in a library, while other threads run"),
        N_("A function in C, such as hashing, releases that lock, so other threads of the server can continue."),
    ),
    (N_("load point"), N_("One scenario with one number of clients, message size and rate.")),
    (
        N_("latency against service time"),
        N_("A request that waits for a free connection has a longer latency, and no longer service time."),
    ),
    (N_("p50, p99"), N_("The median, and the 99th percentile: 1% of the requests took longer.")),
    (N_("slice"), N_("A short stretch of load on one server while the other servers are idle.")),
    (N_("round"), N_("One slice of every server, in random order. Servers are compared within rounds.")),
    (
        N_("block"),
        N_("A repetition of the run with freshly started servers. Intervals come from the spread over blocks."),
    ),
    (
        N_("interval"),
        (
            N_(
                "95% for ratios. That of a median lies between two of the blocks' values, so its exact "
                "level depends on the number of blocks: at least 95%, and 96% with 9 or 12 blocks."
            )
        ),
    ),
    (
        N_("times behind"),
        N_(
            "The ratio to the best server, measured inside rounds, or inside blocks for the p99 of requests "
            "beside others. It is not the quotient of two medians."
        ),
    ),
    (
        N_("Jain's index"),
        N_("How evenly the connections were served: 1 if all got the same number of replies, 1/n if one of n got all."),
    ),
    (N_("faster, slower"), N_("The interval of the ratio excludes 1. A server that needs less time or CPU is faster.")),
    (N_("equivalent"), N_("The 90% interval of the ratio lies within 5% of 1.")),
    (N_("inconclusive"), N_("Neither: more blocks are needed, or figures are invalid.")),
    (N_("suspect, invalid"), N_("A quality check failed. A suspect figure is doubtful; do not use an invalid one.")),
    (N_("finding (*)"), N_("The load showed something about the server, e.g. unfair service. The figures are right.")),
)


def select_terms(names: Collection[str]) -> list[tuple[str, str]]:
    """Return some of the terms, with their meanings. names: as in TERMS."""
    return [(gettext(name), gettext(meaning)) for name, meaning in TERMS if name in names]


def all_terms() -> list[tuple[str, str]]:
    """Return all terms, with their meanings."""
    return select_terms([name for name, _ in TERMS])


def model_terms(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Return each measured model with what it is, by its own description; external servers have none."""
    if trials.empty:
        return []
    labels = sorted({Arm.parse(str(arm)).model for arm in trials["arm"]})
    return [(name, gettext(registry.describe(name).help)) for name in labels if name in registry.names()]


def code_terms(caveats: Iterable[ScenarioCaveats], thresholds: Thresholds) -> list[tuple[str, str]]:
    """Return each quality code that occurs, with its meaning."""
    found = [caveat for of_scenario in caveats for caveat in (*of_scenario.caveats, *of_scenario.findings)]
    meanings = {caveat.code: caveat.meaning for caveat in found if caveat.meaning}
    return [
        (name, f"{meanings[name][:1].upper()}{meanings[name][1:]}.") for name in thresholds.codes if name in meanings
    ]

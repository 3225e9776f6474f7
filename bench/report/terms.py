"""The terms that a report explains; ``docs/glossary.md`` has all terms."""

from collections.abc import Collection, Iterable

import pandas as pd

from bench.report.caveats import ScenarioCaveats
from bench.schema.arms import Arm
from clients.quality_codes import Thresholds
from servers import registry

TERMS = (
    (
        "server",
        "A model, e.g. select, with its transport and its Python interpreter. The data files call it an arm.",
    ),
    ("reference", "The server with which the other servers of its transport are compared."),
    (
        "control",
        "The reference, measured a second time under another name. Any difference between the two is noise.",
    ),
    (
        "noise floor",
        (
            "How far the reference and its control may differ, although they are the same program: the end farthest "
            "from 1 of a control's interval. Each metric at each load has its own. A smaller difference may be noise."
        ),
    ),
    (
        "baseline",
        "A compiled server, not ranked. A line below each table of rates states whether any server was faster.",
    ),
    ("closed loop", "Each client sends its next request when the last reply arrives."),
    ("open loop", "Requests follow a schedule, whether or not earlier ones were answered."),
    ("service time", "Time from sending a request to its reply."),
    ("latency", "Time from when a request was due to its reply. It exists only in an open loop."),
    ("session", "A client connects, sends a few requests and disconnects."),
    ("hola, adios", "The words of the session protocol: a client sends hola several times, and adios at the end."),
    ("load point", "One scenario with one number of clients, message size and rate."),
    (
        "latency against service time",
        "A request that waits for a free connection has a longer latency, and no longer service time.",
    ),
    ("p50, p99", "The median, and the 99th percentile: 1% of the requests took longer."),
    ("slice", "A short stretch of load on one server while the other servers are idle."),
    ("round", "One slice of every server, in random order. Servers are compared within rounds."),
    ("block", "A repetition of the run with freshly started servers. Intervals come from the spread over blocks."),
    (
        "interval",
        (
            "95% for ratios. That of a median lies between two of the blocks' values, so its exact level depends on "
            "the number of blocks: at least 95%, and 96% with 9 or 12 blocks."
        ),
    ),
    ("times behind", "The ratio to the best server, measured inside rounds. It is not the quotient of two medians."),
    (
        "Jain's index",
        "How evenly the connections were served: 1 if all got the same number of replies, 1/n if one of n got all.",
    ),
    ("faster, slower", "The interval of the ratio excludes 1. A server that needs less time or CPU is faster."),
    ("equivalent", "The 90% interval of the ratio lies within 5% of 1."),
    ("inconclusive", "Neither: more blocks are needed, or figures are invalid."),
    ("suspect, invalid", "A quality check failed. A suspect figure is doubtful; do not use an invalid one."),
    ("finding (*)", "The load showed something about the server, e.g. unfair service. The figures are right."),
)


def select_terms(names: Collection[str]) -> list[tuple[str, str]]:
    """Return some of the terms, with their meanings."""
    return [term for term in TERMS if term[0] in names]


def model_terms(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Return each measured model with what it is, by its own description; external servers have none."""
    if trials.empty:
        return []
    labels = sorted({Arm.parse(str(arm)).model for arm in trials["arm"]})
    return [(name, registry.describe(name).help) for name in labels if name in registry.names()]


def code_terms(caveats: Iterable[ScenarioCaveats], thresholds: Thresholds) -> list[tuple[str, str]]:
    """Return each quality code that occurs, with its meaning."""
    found = [caveat for of_scenario in caveats for caveat in (*of_scenario.caveats, *of_scenario.findings)]
    meanings = {caveat.code: caveat.meaning for caveat in found if caveat.meaning}
    return [
        (name, f"{meanings[name][:1].upper()}{meanings[name][1:]}.") for name in thresholds.codes if name in meanings
    ]

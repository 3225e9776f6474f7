"""The terms that a report explains; ``docs/glossary.md`` has all terms."""

from collections.abc import Collection

TERMS = (
    ("server", "A model, e.g. select, with its transport and its Python interpreter. The data files call it an arm."),
    ("reference", "The server with which the other servers of its transport are compared."),
    ("control", "The reference, measured a second time under another name. Any difference between the two is noise."),
    (
        "noise floor",
        "In one metric, the end farthest from 1 of any control's interval. Smaller differences may be noise.",
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
    ("slice", "A short stretch of load on one server while the other servers are idle."),
    ("round", "One slice of every server, in random order. Servers are compared within rounds."),
    ("block", "A repetition of the run with freshly started servers. Intervals come from the spread over blocks."),
    ("interval", "95%. The exact level of a median's interval depends on the number of blocks: 96% with 12 blocks."),
    ("faster, slower", "The interval of the ratio excludes 1. A server that needs less time or CPU is faster."),
    ("equivalent", "The 90% interval of the ratio lies within 5% of 1."),
    ("inconclusive", "Neither: more blocks are needed, or figures are invalid."),
    ("suspect, invalid", "A quality check failed. A suspect figure is doubtful; do not use an invalid one."),
    ("finding (*)", "The load showed something about the server, e.g. unfair service. The figures are right."),
)


def select_terms(names: Collection[str]) -> list[tuple[str, str]]:
    """Return some of the terms, with their meanings."""
    return [term for term in TERMS if term[0] in names]

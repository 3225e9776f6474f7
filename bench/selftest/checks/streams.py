"""Checks of TCP connections that end early, and of replies that arrive in pieces or together."""

from collections.abc import Callable

from bench.selftest.check import Check, open_loop
from bench.selftest.expectations import Finding, at_least, equal, ledger_balances, more_than
from bench.selftest.trial import Evidence, Trial

ENDS_AT_REQUEST = 10
MIN_REQUESTS = 40  # of a trial of the streams; a busy machine had 169 in a quarter of a second


def checks(scale: float) -> list[Check]:
    """Return the checks of streams. scale: of their durations."""
    return [
        broken_connections("reset_connections", "reset", "resets", "reset_at", scale),
        broken_connections("closed_connections", "closed", "closes", "close_at", scale),
        broken_connections("silent_connections", "timeout", "falls silent", "mute_at", scale),
        split_replies(scale),
        merged_replies(scale),
    ]


def _judge_broken_connections(error: str, stamp: str) -> Callable[[Evidence], list[Finding]]:
    """Each connection that the server ends is counted by its kind and opened again, and the load continues."""

    def judge(evidence: Evidence) -> list[Finding]:
        document = evidence.document
        ended = int((evidence.stamps["kind"] == stamp).sum())
        return [
            ledger_balances(evidence),
            equal(f"errors of the kind {error}", ended, document["errors"].get(error, 0)),
            equal("lost", ended, document["ledger"]["lost"]),
            more_than("connections that ended, of those opened again, too", document["connections"], ended),
        ]

    return judge


def broken_connections(name: str, error: str, stamp: str, option: str, scale: float) -> Check:
    """The server ends each connection at a given request."""
    return Check(
        name,
        f"Is a connection that {stamp} at its {ENDS_AT_REQUEST}th request counted, and opened again?",
        Trial("tcp", open_loop(800, "--connections", "8", "--timeout", "0.1"), scale, {option: ENDS_AT_REQUEST}),
        _judge_broken_connections(error, stamp),
        timed=False,
    )


def _judge_intact_replies(evidence: Evidence) -> list[Finding]:
    """Each request has its own reply, however the stream was divided."""
    document = evidence.document
    return [
        ledger_balances(evidence),
        equal("ok", document["sent"], document["ledger"]["ok"]),
        equal("errors", {}, document["errors"]),
        at_least("requests", MIN_REQUESTS, document["sent"]),
    ]


def split_replies(scale: float) -> Check:
    """The server sends its replies byte by byte."""
    return Check(
        "split_replies",
        "Are replies that arrive byte by byte put together?",
        Trial("tcp", ("--connections", "4"), 0.5 * scale, {"pieces": 1}),
        _judge_intact_replies,
        timed=False,
    )


def merged_replies(scale: float) -> Check:
    """The server sends five replies at once."""
    return Check(
        "merged_replies",
        "Are replies that arrive together separated?",
        Trial("tcp", ("--connections", "2", "--depth", "8"), 0.5 * scale, {"merge": 5}),
        _judge_intact_replies,
        timed=False,
    )

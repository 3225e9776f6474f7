"""Check of the latencies over time: every window against the raw rows and the server's own time stamps."""

from collections import Counter
from typing import Any

import numpy as np

from bench.selftest.check import FAULT_EVERY, GENERATOR_CPU, MS, Check
from bench.selftest.expectations import Finding, at_least, equal, ledger_balances
from bench.selftest.trial import Array, Evidence, Trial

RATES_RPS = (1000.0, 2000.0)
STALL_MS, STALL_PERIOD_MS = 100, 730
# A window is slow if its longest latency exceeds the middle of a stall. Near it, the path could decide.
SLOW_NS, UNCLEAR_NS = 50 * MS, 20 * MS


def checks(scale: float) -> list[Check]:
    """Return the check of windows. scale: of its duration."""
    return [latency_windows(scale)]


def latency_windows(scale: float) -> Check:
    """A server that stalls for 100 ms in every 730 ms and drops every 20th datagram, at two rates."""
    phases = [["low", 1.0 * scale, RATES_RPS[0]], ["high", 2.0 * scale, RATES_RPS[1]]]
    settings: dict[str, Any] = {"phases": phases, "connections": 400, "arrivals": "constant", "timeout_s": 0.4}
    behaviour = {
        "delay_ns": MS,
        "stall_ns": STALL_MS * MS,
        "stall_period_ns": STALL_PERIOD_MS * MS,
        "drop_every": FAULT_EVERY,
    }
    return Check(
        "latency_windows",
        "Is each request in the window in which it was due, with its latency, and each stall in the right windows?",
        Trial("udp", (), 3.0 * scale, behaviour, cpu=GENERATOR_CPU, populations={"clients": settings}),
        _judge,
    )


def _judge(evidence: Evidence) -> list[Finding]:
    document, raw = evidence.document, evidence.raw
    windows = document["latency_windows"]
    numbers = _window_numbers(evidence, raw["intended_ns"])
    is_ok = raw["outcome"] == 0
    latencies_ns = raw["received_ns"] - raw["intended_ns"]
    matching = sum(
        _counts(window) == Counter(map(_bucket_end_ns, latencies_ns[is_ok & (numbers == number)].tolist()))
        for number, window in enumerate(windows)
    )
    by_server = _expected(evidence)
    dropped = np.bincount(by_server["window"][by_server["is_dropped"]], minlength=len(windows)).tolist()
    is_clear, is_slow_server = _slow_windows(by_server, len(windows))
    is_slow = np.array([any(upper_ns > SLOW_NS for upper_ns in window["upper_ns"]) for window in windows])
    ledger = document["ledger"]
    return [
        ledger_balances(evidence),
        equal("replies in all windows", ledger["ok"], sum(sum(window["counts"]) for window in windows)),
        equal(
            "requests without a reply in all windows",
            document["sent"] - ledger["ok"] + document["unsent"],
            sum(window["never_answered"] for window in windows),
        ),
        equal("windows with the latencies of their raw rows", len(windows), matching),
        equal("dropped in each window", dropped, [window["never_answered"] for window in windows]),
        at_least("windows in a stall", 2 * len(windows) * STALL_MS / STALL_PERIOD_MS / 3, int(is_slow_server.sum())),
        equal(
            "numbers of the windows in a stall",
            np.flatnonzero(is_slow_server & is_clear).tolist(),
            np.flatnonzero(is_slow & is_clear).tolist(),
        ),
    ]


def _window_numbers(evidence: Evidence, times_ns: Array) -> Array:
    """Return the number of the window of each time. The first phase begins half a gap before its first arrival."""
    start_ns = float(evidence.raw["intended_ns"].min()) - 0.5e9 / RATES_RPS[0]
    length_ns = 1e9 * evidence.document["latency_windows"][1]["start_s"]
    return np.asarray((times_ns - start_ns) // length_ns, np.int64)


def _counts(window: dict[str, Any]) -> dict[int, int]:
    return dict(zip(window["upper_ns"], window["counts"], strict=True))


def _bucket_end_ns(latency_ns: int) -> int:
    """Return the longest latency of a bucket: four buckets in each power of two."""
    width = 1 << max(latency_ns.bit_length() - 3, 0)
    return latency_ns // width * width + width - 1


def _expected(evidence: Evidence) -> Array:
    """Return each request as the server saw it: its window, whether it was dropped, and its latency until the send."""
    raw, stamps = evidence.raw, evidence.stamps
    keys = raw["connection"].astype(np.int64) * (1 << 40) + raw["number"]
    order = np.argsort(keys, kind="stable")
    positions = order[np.searchsorted(keys[order], stamps["connection"] * (1 << 40) + stamps["number"])]
    intended_ns = raw["intended_ns"][positions]
    expected = np.zeros(len(stamps), [("window", np.int64), ("is_dropped", np.bool_), ("latency_ns", np.int64)])
    expected["window"] = _window_numbers(evidence, intended_ns)
    expected["is_dropped"] = stamps["sent_ns"] == 0
    expected["latency_ns"] = stamps["sent_ns"] - intended_ns
    return expected


def _slow_windows(expected: Array, windows: int) -> tuple[Array, Array]:
    """Return of each window whether its longest latency is clearly slow or fast at the server, and if it is slow."""
    longest_ns = np.zeros(windows, np.int64)
    answered = expected[~expected["is_dropped"]]
    np.maximum.at(longest_ns, answered["window"], answered["latency_ns"])
    return np.abs(longest_ns - SLOW_NS) > UNCLEAR_NS, longest_ns > SLOW_NS

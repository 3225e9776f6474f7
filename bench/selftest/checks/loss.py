"""Checks of replies that are lost, corrupt, duplicated, reordered or late."""

from collections.abc import Callable

import numpy as np

from bench.selftest import oracle
from bench.selftest.check import DEEP_PIPELINE, FAULT_EVERY, MS, Check, open_loop
from bench.selftest.disturbances import stop_server
from bench.selftest.expectations import (
    Finding,
    approx,
    at_most,
    code_absent,
    equal,
    ledger_balances,
    more_than,
)
from bench.selftest.trial import OUTCOME_LATE, OUTCOME_LOST, Evidence, Trial


def checks(scale: float) -> list[Check]:
    """Return the checks of lost and faulty replies. scale: of their durations."""
    return [
        faulty_replies("lost_replies", "that has no reply", "lost", "drop_every", scale),
        faulty_replies("corrupt_replies", "whose reply has a wrong byte", "corrupt", "corrupt_every", scale),
        faulty_replies("truncated_replies", "whose reply lacks a byte", "corrupt", "truncate_every", scale),
        duplicate_replies(scale),
        reordered_replies(scale),
        late_replies(scale),
        kernel_drops(scale),
    ]


def _judge_faulty_replies(outcome: str) -> Callable[[Evidence], list[Finding]]:
    """Every k-th request has the fault, and no other."""

    def judge(evidence: Evidence) -> list[Finding]:
        ledger, latency_us = evidence.document["ledger"], evidence.document["latency_us"]
        sent = evidence.document["sent"]
        faults = oracle.hits(sent, FAULT_EVERY)
        return [
            ledger_balances(evidence),
            equal(f"requests that are {outcome}", faults, ledger[outcome]),
            equal("ok", sent - faults, ledger["ok"]),
            Finding("p90", "finite", str(latency_us["p90"]), latency_us["p90"] not in ("inf", None)),
            equal("p99, of all requests that were sent", "inf", latency_us["p99"]),
        ]

    return judge


def faulty_replies(name: str, fault: str, outcome: str, option: str, scale: float) -> Check:
    """Every k-th reply has a fault that makes its request lost or corrupt."""
    return Check(
        name,
        f"Is every {FAULT_EVERY}th request, {fault}, counted as {outcome}, and no other?",
        Trial("udp", open_loop(2000, *DEEP_PIPELINE, "--timeout", "0.5"), scale, {option: FAULT_EVERY}),
        _judge_faulty_replies(outcome),
        timed=False,
    )


def _judge_duplicate_replies(evidence: Evidence) -> list[Finding]:
    """Every k-th reply is counted as a duplicate, and every request is ok."""
    ledger, sent = evidence.document["ledger"], evidence.document["sent"]
    return [
        ledger_balances(evidence),
        equal("requests with a duplicate reply", oracle.hits(sent, FAULT_EVERY), ledger["duplicate"]),
        equal("ok", sent, ledger["ok"]),
    ]


def duplicate_replies(scale: float) -> Check:
    """Every k-th reply is sent twice."""
    return Check(
        "duplicate_replies",
        f"Is every {FAULT_EVERY}th request, whose reply is sent twice, counted as duplicate, and no other?",
        Trial("udp", open_loop(2000, *DEEP_PIPELINE, "--timeout", "0.5"), scale, {"duplicate_every": FAULT_EVERY}),
        _judge_duplicate_replies,
        timed=False,
    )


def _judge_reordered_replies(evidence: Evidence) -> list[Finding]:
    """Every k-th reply arrives after its successor's: reordered by RFC 4737, and not lost."""
    ledger = evidence.document["ledger"]
    stamps = evidence.stamps[np.argsort(evidence.stamps["sent_ns"], kind="stable")]
    reordered = sum(
        oracle.reordered(stamps["number"][stamps["connection"] == connection])
        for connection in np.unique(stamps["connection"])
    )
    planned = oracle.hits(evidence.document["sent"], FAULT_EVERY)
    return [
        ledger_balances(evidence),
        equal("reordered, by the order in which the server sent", reordered, ledger["reordered"]),
        approx("reordered, by the plan", planned, ledger["reordered"], 1),  # the last reply may have no successor
        equal("duplicate", 0, ledger["duplicate"]),
        at_most("lost", 1, ledger["lost"]),
    ]


def reordered_replies(scale: float) -> Check:
    """Every k-th reply is sent after its successor."""
    return Check(
        "reordered_replies",
        "Are replies that overtake each other counted, and matched to their requests?",
        Trial("udp", open_loop(2000, "--connections", "1", "--depth", "512"), scale, {"swap_every": FAULT_EVERY}),
        _judge_reordered_replies,
    )


def _judge_late_replies(evidence: Evidence) -> list[Finding]:
    """Every k-th reply arrives after the timeout: late, or lost if the load ended before."""
    ledger = evidence.document["ledger"]
    planned = oracle.hits(evidence.document["sent"], FAULT_EVERY)
    raw_counts = {
        "late": int((evidence.raw["outcome"] == OUTCOME_LATE).sum()),
        "lost": int((evidence.raw["outcome"] == OUTCOME_LOST).sum()),
    }
    return [
        ledger_balances(evidence),
        equal("late and lost", planned, ledger["late"] + ledger["lost"]),
        approx("late", planned, ledger["late"], 0.3 * planned),
        equal("late and lost in the raw record", {name: ledger[name] for name in raw_counts}, raw_counts),
        equal("duplicate", 0, ledger["duplicate"]),
    ]


def late_replies(scale: float) -> Check:
    """Every k-th reply is sent after the timeout."""
    behaviour = {"late_every": FAULT_EVERY, "late_ns": 250 * MS}
    return Check(
        "late_replies",
        "Is a reply after the timeout counted as late and not as lost?",
        Trial("udp", open_loop(2000, *DEEP_PIPELINE, "--timeout", "0.15"), 1.2 * scale, behaviour),
        _judge_late_replies,
    )


def _judge_kernel_drops(evidence: Evidence) -> list[Finding]:
    """Datagrams that did not fit into a stopped server's socket are lost, and the kernel's count explains them."""
    drops, lost = evidence.document["kernel_drops"]["server"], evidence.document["ledger"]["lost"]
    return [
        ledger_balances(evidence),
        more_than("datagrams dropped at the server's socket", 0, drops),
        code_absent(evidence, "UNEXPLAINED_LOSS"),
        at_most("difference between lost and dropped datagrams", 0.01 * drops, abs(lost - drops)),
    ]


def kernel_drops(scale: float) -> Check:
    """A server that is stopped while datagrams arrive."""
    load = open_loop(40_000, "--connections", "64", "--depth", "1024", "--timeout", "0.3")
    return Check(
        "kernel_drops",
        "Are datagrams that the kernel drops at the server's socket lost, and explained?",
        Trial("udp", load, 2 * scale, model="select"),
        _judge_kernel_drops,
        stop_server,
    )

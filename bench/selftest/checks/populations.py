"""Checks of loads with several populations of clients, with phases, and with requests that are sent again."""

from dataclasses import replace
from typing import Any

import numpy as np

from bench.selftest import oracle
from bench.selftest.check import FAULT_EVERY, GENERATOR_CPU, MS, Check
from bench.selftest.checks.latency import compare_every_latency
from bench.selftest.expectations import Finding, approx, at_least, code_absent, equal, ledger_balances
from bench.selftest.trial import Array, Evidence, Trial

QUIET_CLIENTS, GREEDY_CLIENTS, GREEDY_DEPTH = 8, 2, 4
CAPACITY_RPS = 1000
PHASES = (("before", 0.5), ("overload", 1.5), ("after", 0.5))  # names, and rates as shares of the capacity
_PLAN_TOLERANCE_NS = 2
_OFF_GRID_S = 0.0003  # so that no request is due where two phases meet, which rounding would assign to either


def checks(scale: float) -> list[Check]:
    """Return the checks of populations. scale: of their durations."""
    return [quiet_population(scale), overload_phase(scale), requests_sent_again(scale)]


def _judge_quiet_population(evidence: Evidence) -> list[Finding]:
    """All requests queue up together, and each quiet one takes as long as the server planned."""
    quiet = _only(evidence, "quiet", 0, QUIET_CLIENTS)
    greedy = _only(evidence, "greedy", QUIET_CLIENTS, QUIET_CLIENTS + GREEDY_CLIENTS)
    rows = evidence.stamps[np.argsort(evidence.stamps["arrival_ns"], kind="stable")]
    origin_ns = rows["arrival_ns"].min()
    departures = oracle.lindley((rows["arrival_ns"] - origin_ns).astype(float), float(MS))
    gap_ns = float(np.abs(rows["planned_ns"] - origin_ns - departures).max())
    ahead = float(np.median(_time_at_server_ns(evidence.stamps, QUIET_CLIENTS))) / MS
    return [
        ledger_balances(quiet),
        ledger_balances(greedy),
        code_absent(quiet, "LITTLES_LAW_VIOLATED"),
        code_absent(greedy, "LITTLES_LAW_VIOLATED"),
        equal("sent by all", len(evidence.stamps), quiet.document["sent"] + greedy.document["sent"]),
        approx("largest gap between plan and recursion", 0, gap_ns, _PLAN_TOLERANCE_NS, "ns"),
        at_least("median time of a quiet request at the server", 2, ahead, "ms"),
        *compare_every_latency(quiet),
    ]


def quiet_population(scale: float) -> Check:
    """Quiet clients beside greedy ones, at a server that takes 1 ms for each request."""
    quiet = {"connections": QUIET_CLIENTS, "rate_rps": 600.0, "timeout_s": 5.0}
    greedy = {"connections": GREEDY_CLIENTS, "depth": GREEDY_DEPTH, "timeout_s": 5.0}
    populations = {"quiet": quiet, "greedy": greedy}
    trial = Trial("tcp", (), 4.0 * scale, {"service_ns": MS}, cpu=GENERATOR_CPU, populations=populations)
    return Check(
        "quiet_population",
        "Is the latency of quiet clients right while others keep the server busy?",
        trial,
        _judge_quiet_population,
    )


def _judge_overload_phase(evidence: Evidence) -> list[Finding]:
    """Each request is in the ledger of the phase in which it was due, and the queue drains in the last one."""
    document = evidence.document
    findings = [ledger_balances(evidence), code_absent(evidence, "LITTLES_LAW_VIOLATED")]
    intended_s = (np.sort(evidence.raw["intended_ns"]) - _window_start_ns(evidence)) / 1e9
    begin_s = 0.0
    for phase in document["phases"]:
        in_phase = int(((intended_s >= begin_s) & (intended_s < begin_s + phase["seconds"])).sum())
        begin_s += phase["seconds"]
        findings += [
            ledger_balances(replace(evidence, document=phase)),
            equal(f"sent in phase {phase['name']}", in_phase, phase["sent"]),
        ]
    overload = document["phases"][1]
    longest_ms = overload["latency_us"]["max"] / 1e3
    backlog_ms = 1e3 * (PHASES[1][1] - 1) * overload["seconds"]  # the n-th request leaves at n / capacity
    recovery_s = (PHASES[1][1] - 1) / (1 - PHASES[2][1]) * overload["seconds"]
    findings += [
        equal("all phases", document["sent"], sum(phase["sent"] for phase in document["phases"])),
        approx("longest latency of the overload", backlog_ms, longest_ms, 0.1 * backlog_ms, "ms"),
        approx("replies in the bins", document["ledger"]["ok"], sum(document["goodput"]["replies"]), 2),
        approx("time of recovery", recovery_s, _recovery_s(document), 0.15 * recovery_s, "s"),
    ]
    return findings


def overload_phase(scale: float) -> Check:
    """A server with a capacity of 1000 requests/s at 0.5, 1.5 and 0.5 of it."""
    lengths_s = [length_s * scale + _OFF_GRID_S for length_s in (0.5, 1.0, 2.0)]
    phases = [[name, s, share * CAPACITY_RPS] for (name, share), s in zip(PHASES, lengths_s, strict=True)]
    settings: dict[str, Any] = {"phases": phases, "connections": 1000, "arrivals": "constant", "timeout_s": 5.0}
    return Check(
        "overload_phase",
        "Is each request counted in the phase in which it was due, and the recovery seen?",
        Trial("udp", (), sum(lengths_s), {"service_ns": MS}, cpu=GENERATOR_CPU, populations={"clients": settings}),
        _judge_overload_phase,
    )


def _judge_requests_sent_again(evidence: Evidence) -> list[Finding]:
    """Every dropped copy is followed by another, so no request is lost, and no other copy is sent."""
    document, stamps = evidence.document, evidence.stamps
    copies = document["sent"] + document["retried"]
    dropped = stamps["sent_ns"] == 0
    # A copy that is sent again can be the next one that is dropped, so requests and copies are counted apart.
    resent = len(np.unique(stamps[["connection", "number"]][dropped]))
    waited_us = (evidence.raw["received_ns"] - evidence.raw["sent_ns"]) / 1e3
    return [
        ledger_balances(evidence),
        equal("copies at the server", copies, len(stamps)),
        equal("dropped by the server", oracle.hits(copies, FAULT_EVERY), int(dropped.sum())),
        equal("sent again", int(dropped.sum()), document["retried"]),
        equal("ok", document["sent"], document["ledger"]["ok"]),
        equal("requests that took longer than the timeout", resent, int((waited_us > 50_000).sum())),
    ]


def requests_sent_again(scale: float) -> Check:
    """Every 20th datagram is dropped, and the clients send it again after 50 ms."""
    load = ("--connections", "4", "--timeout", "0.05", "--retries", "5")
    return Check(
        "requests_sent_again",
        "Are requests sent again counted once, from the first time that they were sent?",
        Trial("udp", load, scale, {"delay_ns": MS, "drop_every": FAULT_EVERY}),
        _judge_requests_sent_again,
    )


def _only(evidence: Evidence, name: str, first: int, end: int) -> Evidence:
    """Return what concerns one population. first, end: the numbers of its connections."""
    raw = evidence.raw
    own = raw[(raw["connection"] >= first) & (raw["connection"] < end)]
    return replace(evidence, document=evidence.document["populations"][name], raw=own)


def _time_at_server_ns(stamps: Array, end: int) -> Array:
    own = stamps[stamps["connection"] < end]
    return np.asarray(own["planned_ns"] - own["arrival_ns"])


def _window_start_ns(evidence: Evidence) -> float:
    """Return when the first phase began: constant arrivals begin half a gap after it."""
    first_rps = float(evidence.document["phases"][0]["rate_rps"])
    return float(evidence.raw["intended_ns"].min()) - 0.5e9 / first_rps


def _recovery_s(document: dict[str, Any]) -> float:
    """Return how long after the overload the latency was back at 10 ms."""
    goodput = document["goodput"]
    end_s = float(sum(phase["seconds"] for phase in document["phases"][:2]))
    slow = [k for k, latency_us in enumerate(goodput["latency_us"]) if latency_us is not None and latency_us > 10_000]
    return (slow[-1] + 1) * float(goodput["bin_s"]) - end_s if slow else 0.0

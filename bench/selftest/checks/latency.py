"""Checks of latency and service time against servers that delay, stall, queue or are stopped."""

import math

import numpy as np

from bench.selftest import oracle
from bench.selftest.check import DEEP_PIPELINE, GENERATOR_CPU, MS, Check, open_loop
from bench.selftest.disturbances import stop_server
from bench.selftest.expectations import (
    Finding,
    approx,
    at_least,
    at_most,
    code_raised,
    equal,
    exact_quantile,
    ledger_balances,
    match_stamps,
    more_than,
)
from bench.selftest.trial import Array, Evidence, Trial

MAX_COST_US = 500.0  # that path and generator may add to the median, beyond the server's own time stamps
TOLERANCE_MS = 5.0  # of quantiles in milliseconds, against the recorded schedule
P90_AND_P99 = (("p90", 0.9), ("p99", 0.99))
P50_TO_P99 = (("p50", 0.5), *P90_AND_P99)
DELAY_US = 2_000.0
STALL_S, STALL_PERIOD_S = 0.1, 0.73
SERVICE_US, UTILISATION = 500.0, 0.6
OVERLOAD = 1.05  # offered rate, as a multiple of the capacity


def checks(scale: float) -> list[Check]:
    """Return the checks of latency. scale: of their durations."""
    stall_s = max(2, math.ceil(5 * scale)) * STALL_PERIOD_S  # whole periods: their phase does not matter
    return [
        constant_delay("udp", scale),
        constant_delay("tcp", scale),
        stall_open_loop(stall_s),
        stall_closed_loop(stall_s),
        single_server_queue(scale),
        stopped_server(scale),
        overload(scale),
    ]


def _judge_constant_delay(evidence: Evidence) -> list[Finding]:
    """Every reply takes the delay and little more."""
    min_us = float((evidence.raw["received_ns"] - evidence.raw["sent_ns"]).min()) / 1e3
    return [
        ledger_balances(evidence),
        at_least("minimum service time", DELAY_US, min_us, "us"),
        approx("median service time", DELAY_US, evidence.document["service_us"]["p50"], MAX_COST_US, "us"),
        *compare_every_latency(evidence),
    ]


def compare_every_latency(evidence: Evidence) -> list[Finding]:
    """Compare each reply with the server's clock: none is received before it was sent, and the path costs little."""
    rows, stamps = match_stamps(evidence)
    start_ns = rows["intended_ns"] if evidence.document["loop"] == "open" else rows["sent_ns"]
    cost_us = (rows["received_ns"] - stamps["sent_ns"]) / 1e3
    reported = evidence.document["latency_us"] or evidence.document["service_us"]
    raw_us = np.sort(rows["received_ns"] - start_ns) / 1e3
    findings = [
        more_than("minimum cost beyond the server's time stamp", 0, float(cost_us.min()), "us"),
        at_most(
            "median cost beyond the server's time stamp",
            MAX_COST_US,
            float(np.median(cost_us)),
            "us",
            always_shown=True,
        ),
    ]
    for name, quantile in P50_TO_P99:
        exact_us = exact_quantile(raw_us, quantile)
        what = f"{name} reported, against {name} of the time stamps"
        findings.append(approx(what, exact_us, reported[name], exact_us / 500))
    return findings


def constant_delay(transport: str, scale: float) -> Check:
    """Every reply is sent after the same delay."""
    return Check(
        f"constant_delay_{transport}",
        "Does every reply of a server that waits 2 ms take 2 ms?",
        Trial(
            transport,
            open_loop(1000, "--connections", "50"),
            2 * scale,
            {"delay_ns": int(DELAY_US * 1e3)},
            cpu=GENERATOR_CPU,
        ),
        _judge_constant_delay,
    )


_STALLS = {"stall_ns": int(STALL_S * 1e9), "stall_period_ns": int(STALL_PERIOD_S * 1e9)}


def _expected_stall_ms(evidence: Evidence) -> Array:
    """Return how long each request had to wait for the stalls, ascending."""
    stamps = evidence.stamps
    # A reply that waited shows where the periods begin: it was planned for the end of a stall.
    waited = stamps[stamps["planned_ns"] > stamps["arrival_ns"] + MS]
    if not len(waited):
        return np.zeros(len(evidence.raw))
    period_start_ns = int(waited["planned_ns"][0]) - int(STALL_S * 1e9)
    due_ns = evidence.raw["intended_ns"]
    ends_ns = oracle.stall_ends(due_ns, period_start_ns, STALL_PERIOD_S * 1e9, STALL_S * 1e9)
    return np.sort(ends_ns - due_ns) / 1e6


def _judge_stall_open_loop(evidence: Evidence) -> list[Finding]:
    """The stalls are in the latency at their full size."""
    expected_ms = _expected_stall_ms(evidence)
    latency_us = evidence.document["latency_us"]
    findings = [ledger_balances(evidence)]
    for name, quantile in P90_AND_P99:
        seen_ms = latency_us[name] / 1e3
        exact_ms = exact_quantile(expected_ms, quantile)
        findings.append(approx(f"{name} by the schedule", exact_ms, seen_ms, TOLERANCE_MS, "ms"))
        formula_ms = 1e3 * oracle.stall_quantile(quantile, STALL_PERIOD_S, STALL_S)
        findings.append(approx(f"{name} by the formula", formula_ms, seen_ms, 3 * TOLERANCE_MS, "ms"))
    return findings


def stall_open_loop(seconds: float) -> Check:
    """The server stalls, and the generator sends on schedule."""
    return Check(
        "stall_open_loop",
        "Does the open loop report stalls of 100 ms at their full size?",
        Trial("udp", open_loop(1000, *DEEP_PIPELINE), seconds, _STALLS, cpu=GENERATOR_CPU),
        _judge_stall_open_loop,
    )


def _judge_stall_closed_loop(evidence: Evidence) -> list[Finding]:
    """A connection that waits sends one request per stall, so the percentiles must not show the stalls."""
    service_us = evidence.document["service_us"]
    stalls = int((evidence.raw["received_ns"] - evidence.raw["sent_ns"] > STALL_S * 0.5e9).sum())
    expected_stalls = evidence.document["duration_s"] / STALL_PERIOD_S
    return [
        ledger_balances(evidence),
        equal("latency_us, which a closed loop does not have", None, evidence.document["latency_us"]),
        at_most("p99 of the service time", 10.0, service_us["p99"] / 1e3, "ms"),
        approx("requests that met a stall", expected_stalls, stalls, 1.01),
        approx("longest service time", 1e3 * STALL_S, service_us["max"] / 1e3, 3 * TOLERANCE_MS, "ms"),
    ]


def stall_closed_loop(seconds: float) -> Check:
    """The server stalls, and the generator waits for it."""
    return Check(
        "stall_closed_loop",
        "Does the closed loop, which does not send during a stall, leave the same stalls out of its percentiles?",
        Trial("udp", ("--connections", "1"), seconds, _STALLS, cpu=GENERATOR_CPU),
        _judge_stall_closed_loop,
    )


def _judge_single_server_queue(evidence: Evidence) -> list[Finding]:
    """The server's plan follows Lindley's recursion; the report follows the plan and queueing theory."""
    stamps = evidence.stamps
    departures_ns = oracle.lindley(np.sort(stamps["arrival_ns"]), SERVICE_US * 1e3)
    deviation_us = float(np.abs(departures_ns - np.sort(stamps["planned_ns"])).max()) / 1e3
    latency_us = evidence.document["latency_us"]
    rows, row_stamps = match_stamps(evidence)
    planned_us = np.sort(row_stamps["planned_ns"] - rows["intended_ns"]) / 1e3
    findings = [
        ledger_balances(evidence),
        at_most("the server's own plan, against Lindley's recursion", 1.0, deviation_us, "us"),
    ]
    for name, quantile in P50_TO_P99:
        exact_us = exact_quantile(planned_us, quantile)
        within_us = 300 + 0.05 * exact_us
        findings.append(approx(f"{name} by the server's plan", exact_us, latency_us[name], within_us, "us"))
    mean_us = SERVICE_US + oracle.md1_mean_wait(UTILISATION, SERVICE_US)
    p99_us = SERVICE_US + oracle.md1_wait_quantile(0.99, UTILISATION, SERVICE_US)
    # Three standard deviations of the estimate: successive waiting times are correlated.
    tolerance = 3 * 2.5 / math.sqrt(len(rows))
    return [
        *findings,
        approx("mean by Pollaczek and Khinchine", mean_us, latency_us["mean"], tolerance * mean_us + 300, "us"),
        approx("p99 by the tail formula", p99_us, latency_us["p99"], 4 * tolerance * p99_us + 300, "us"),
    ]


def single_server_queue(scale: float) -> Check:
    """Poisson arrivals at one server with a constant service time."""
    rate_rps = 1e6 * UTILISATION / SERVICE_US
    behaviour = {"service_ns": int(SERVICE_US * 1e3)}
    return Check(
        "single_server_queue",
        "Are the waiting times at one server those of queueing theory?",
        Trial("udp", open_loop(rate_rps, *DEEP_PIPELINE), 6 * scale, behaviour, cpu=GENERATOR_CPU),
        _judge_single_server_queue,
    )


def _judge_stopped_server(evidence: Evidence) -> list[Finding]:
    """Requests that were due while the server was stopped waited for the rest of the stop."""
    stopped_ns, continued_ns = evidence.disturbance
    due_ns = evidence.raw["intended_ns"]
    was_stopped = (due_ns > stopped_ns) & (due_ns < continued_ns)
    waited_ms = np.sort(np.where(was_stopped, continued_ns - due_ns, 0)) / 1e6
    latency_us = evidence.document["latency_us"]
    findings = [ledger_balances(evidence)]
    for name, quantile in P90_AND_P99:
        exact_ms = exact_quantile(waited_ms, quantile)
        findings.append(approx(f"{name} by the schedule", exact_ms, latency_us[name] / 1e3, 4 * TOLERANCE_MS, "ms"))
    span_ms = float(due_ns.max() - due_ns.min()) / 1e6
    formula_ms = oracle.stall_quantile(0.9, span_ms, (continued_ns - stopped_ns) / 1e6)
    within_ms = 0.1 * span_ms / 6 + 4 * TOLERANCE_MS
    return [*findings, approx("p90 by the formula", formula_ms, latency_us["p90"] / 1e3, within_ms, "ms")]


def stopped_server(scale: float) -> Check:
    """A model instead of the reference server, stopped for a sixth of the load."""
    load = open_loop(1000, "--connections", "800", "--timeout", "10")
    return Check(
        "stopped_server",
        "Does the latency show that a real server was stopped?",
        Trial("tcp", load, 3 * scale, model="asyncio", cpu=GENERATOR_CPU),
        _judge_stopped_server,
        stop_server,
    )


def _judge_overload(evidence: Evidence) -> list[Finding]:
    """Latency grows with the excess of the offered rate, and the verdict reports it."""
    due_s = (evidence.raw["intended_ns"] - evidence.raw["intended_ns"][0]) / 1e9
    latency_s = (evidence.raw["received_ns"] - evidence.raw["intended_ns"]) / 1e9
    answered = evidence.raw["received_ns"] > 0
    slope = float(np.polyfit(due_s[answered], latency_s[answered], 1)[0])
    return [
        ledger_balances(evidence),
        code_raised(evidence, "OVERLOAD"),
        approx("slope of the latency", oracle.overload_slope(OVERLOAD, 1.0), slope, 0.01, "s/s"),
    ]


def overload(scale: float) -> Check:
    """The offered rate is 1.05 times the capacity."""
    load = open_loop(1e3 * OVERLOAD, *DEEP_PIPELINE, "--timeout", "5", "--arrivals", "constant")
    return Check(
        "overload",
        "Is a rate of 1.05 times the server's capacity reported as overload?",
        Trial("udp", load, 5 * scale, {"service_ns": MS}, cpu=GENERATOR_CPU),
        _judge_overload,
    )

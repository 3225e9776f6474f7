"""The checks: a server's behaviour, a load on it, and what must come of both. Pure but for the disturbances."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.selftest import oracle
from bench.selftest.trial import LATE, LOST, Array, Evidence, Running, Trial

MS = 1_000_000  # nanoseconds
CPU = min(os.sched_getaffinity(0))  # of the generator, where it is to have one
COST_US = 500.0  # most that path and generator may add to the median beyond the server's own stamps
NEAR_MS = 5.0  # how far quantiles that are milliseconds long may lie from what the recorded schedule gives
_DISTURBANCES = {"CPU_STEAL", "RUN_DELAY", "LATE_SENDS", "LATENESS_IN_LATENCY", "POLL_BATCH_DELAY", "MAJOR_FAULTS"}
_DEEP = ("--connections", "4", "--depth", "256")


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation, and what was seen."""

    what: str
    expected: str
    seen: str
    holds: bool
    shown: bool = False  # a figure of this machine, told also where it is as expected


@dataclass(frozen=True, slots=True)
class Check:
    """One proof. timed: it is about times, which a stall of this machine can spoil; see ``disturbed``."""

    name: str
    question: str
    trial: Trial
    judge: Callable[[Evidence], list[Finding]]
    disturb: Callable[[Running], Any] | None = None
    timed: bool = True


def equal(what: str, expected: object, seen: object) -> Finding:
    """Exactly so."""
    return Finding(what, str(expected), str(seen), bool(expected == seen))


def near(what: str, expected: float, seen: object, within: float, unit: str = "") -> Finding:
    """So, give or take."""
    value = math.inf if seen == "inf" else math.nan if seen is None else float(str(seen))
    holds = abs(value - expected) <= within
    return Finding(what, f"{expected:.4g} ± {within:.3g} {unit}".strip(), f"{value:.4g} {unit}".strip(), holds)


def most(what: str, limit: float, seen: float, unit: str = "", *, shown: bool = False) -> Finding:
    """At most so much."""
    return Finding(
        what, f"at most {limit:.4g} {unit}".strip(), f"{seen:.4g} {unit}".strip(), bool(seen <= limit), shown
    )


def balanced(evidence: Evidence) -> Finding:
    """Whether every request is in the ledger once."""
    document, ledger = evidence.document, evidence.document["ledger"]
    ends = sum(ledger[kind] for kind in ("ok", "late", "lost", "corrupt"))
    due = document["scheduled"] if document["scheduled"] is not None else document["sent"] + document["unsent"]
    seen = (document["sent"], document["sent"] + document["unsent"])
    return equal("sent, sent + unsent = ok + late + lost + corrupt, scheduled", (ends, due), seen)


def raised(evidence: Evidence, *names: str) -> Finding:
    """Whether one of the codes is in the verdict."""
    codes = evidence.document["verdict"]["codes"]
    found = [code for code in codes if code.partition("=")[0] in names]
    return Finding("code", " or ".join(names), " ".join(codes) or "none", bool(found))


def silent(evidence: Evidence, *names: str) -> Finding:
    """Whether none of the codes is in the verdict."""
    found = [code for code in evidence.document["verdict"]["codes"] if code.partition("=")[0] in names]
    return Finding("code", f"no {' or '.join(names)}", " ".join(found) or "none", not found)


def matched(evidence: Evidence) -> tuple[Array, Array]:
    """The raw rows that were answered, and the stamp of the reply to each."""
    stamps = evidence.stamps[evidence.stamps["sent_ns"] > 0]
    key = stamps["connection"] * (1 << 40) + stamps["number"]
    order = np.argsort(key, kind="stable")
    rows = evidence.raw[evidence.raw["received_ns"] > 0]
    wanted = rows["connection"].astype(np.int64) * (1 << 40) + rows["number"]
    place = np.searchsorted(key[order], wanted)
    assert (key[order][np.minimum(place, len(key) - 1)] == wanted).all(), "a reply that the server never sent"
    return rows, stamps[order[place]]


def disturbed(evidence: Evidence) -> bool:
    """Whether the machine disturbed the times, by the generator's own codes, or by the server's own stamps."""
    codes = {code.partition("=")[0] for code in evidence.document["verdict"]["codes"]}
    sent = evidence.stamps[evidence.stamps["sent_ns"] > 0]
    overdue_ns = np.sort(sent["sent_ns"] - sent["planned_ns"])
    return bool(codes & _DISTURBANCES) or bool(len(sent) and overdue_ns[int(0.99 * len(sent))] > MS)


def every_latency(evidence: Evidence) -> list[Finding]:
    """Each reply against the server's own clock: nothing comes before it was sent, and the path costs little."""
    rows, stamps = matched(evidence)
    before = rows["intended_ns"] if evidence.document["loop"] == "open" else rows["sent_ns"]
    cost_us = (rows["received_ns"] - stamps["sent_ns"]) / 1e3
    reported = evidence.document["latency_us"] or evidence.document["service_us"]
    own_us = np.sort(rows["received_ns"] - before) / 1e3
    findings = [
        Finding(
            "least cost beyond the server's stamp", "above 0 us", f"{cost_us.min():.1f} us", bool(cost_us.min() > 0)
        ),
        most("median cost beyond the server's stamp", COST_US, float(np.median(cost_us)), "us", shown=True),
    ]
    for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        counted = own_us[math.ceil(quantile * len(own_us)) - 1]
        findings.append(
            near(f"{name} reported against {name} of the time stamps", counted, reported[name], counted / 500)
        )
    return findings


def constant_delay(evidence: Evidence) -> list[Finding]:
    """Every reply takes the delay and a little."""
    delay_us = 2_000.0
    least = float((evidence.raw["received_ns"] - evidence.raw["sent_ns"]).min()) / 1e3
    return [
        balanced(evidence),
        Finding("least service time", f"at least {delay_us:g} us", f"{least:.1f} us", least >= delay_us),
        near("median service time", delay_us, evidence.document["service_us"]["p50"], COST_US, "us"),
        *every_latency(evidence),
    ]


STALL_S, PERIOD_S = 0.1, 0.73


def stalled_latency_ms(evidence: Evidence, times: str) -> Array:
    """What each request must have waited for a server that stalled, by the time when it was due, ascending."""
    stamps = evidence.stamps
    # Where the periods began is seen from a reply that left at the end of a stall.
    waited = stamps[stamps["planned_ns"] > stamps["arrival_ns"] + MS]
    if not len(waited):
        return np.zeros(len(evidence.raw))
    start = int(waited["planned_ns"][0]) - int(STALL_S * 1e9)
    due = evidence.raw[times]
    return np.sort(oracle.stall_ends(due, start, PERIOD_S * 1e9, STALL_S * 1e9) - due) / 1e6


def stall_seen_by_the_open_loop(evidence: Evidence) -> list[Finding]:
    """The stall is in the latency at its full size."""
    expected = stalled_latency_ms(evidence, "intended_ns")
    latency_us = evidence.document["latency_us"]
    findings = [balanced(evidence)]
    for name, quantile in (("p90", 0.9), ("p99", 0.99)):
        exact = float(expected[math.ceil(quantile * len(expected)) - 1])
        findings.append(near(f"{name} by the schedule", exact, latency_us[name] / 1e3, NEAR_MS, "ms"))
        formula = 1e3 * oracle.stall_quantile(quantile, PERIOD_S, STALL_S)
        findings.append(near(f"{name} by the formula", formula, latency_us[name] / 1e3, 3 * NEAR_MS, "ms"))
    return findings


def stall_hidden_in_the_closed_loop(evidence: Evidence) -> list[Finding]:
    """One connection that waits sends one request in each stall: the percentiles do not show it, and must not."""
    service_us = evidence.document["service_us"]
    stalls = int((evidence.raw["received_ns"] - evidence.raw["sent_ns"] > STALL_S * 0.5e9).sum())
    wanted = evidence.document["duration_s"] / PERIOD_S
    return [
        balanced(evidence),
        equal("latency_us, which a closed loop has none of", None, evidence.document["latency_us"]),
        most("p99 of the service time", 10.0, service_us["p99"] / 1e3, "ms"),
        near("requests that met a stall", wanted, stalls, 1.01),
        near("longest service time", 1e3 * STALL_S, service_us["max"] / 1e3, 3 * NEAR_MS, "ms"),
    ]


SERVICE_US, BUSY = 500.0, 0.6


def one_server_queue(evidence: Evidence) -> list[Finding]:
    """Poisson arrivals at one server: its plan is Lindley's recursion, what is reported is that, and the formula."""
    stamps = evidence.stamps
    replayed = oracle.lindley(np.sort(stamps["arrival_ns"]), SERVICE_US * 1e3)
    off_us = float(np.abs(replayed - np.sort(stamps["planned_ns"])).max()) / 1e3
    latency_us = evidence.document["latency_us"]
    rows, of_rows = matched(evidence)
    known_us = np.sort(of_rows["planned_ns"] - rows["intended_ns"]) / 1e3
    findings = [balanced(evidence), most("the server's own plan against Lindley's recursion", 1.0, off_us, "us")]
    for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        exact = float(known_us[math.ceil(quantile * len(known_us)) - 1])
        findings.append(near(f"{name} by the server's plan", exact, latency_us[name], 300 + 0.05 * exact, "us"))
    mean = SERVICE_US + oracle.md1_mean_wait(BUSY, SERVICE_US)
    p99 = SERVICE_US + oracle.md1_wait_quantile(0.99, BUSY, SERVICE_US)
    # Tolerance: three standard deviations of the estimate from so many requests that remember each other.
    share = 3 * 2.5 / math.sqrt(len(rows))
    findings.append(near("mean by Pollaczek and Khinchine", mean, latency_us["mean"], share * mean + 300, "us"))
    findings.append(near("p99 by the tail formula", p99, latency_us["p99"], 4 * share * p99 + 300, "us"))
    return findings


def faults(kind: str, every: int) -> Callable[[Evidence], list[Finding]]:
    """Each k-th reply has a fault: counted exactly, and the other requests unharmed."""

    def judge(evidence: Evidence) -> list[Finding]:
        ledger, sent = evidence.document["ledger"], evidence.document["sent"]
        count = oracle.hits(sent, every)
        findings = [balanced(evidence), equal(f"requests of which {kind}", count, ledger[kind])]
        if kind in ("duplicate", "reordered"):
            findings.append(equal("ok", sent, ledger["ok"]))
        else:
            latency_us = evidence.document["latency_us"]
            findings.append(equal("ok", sent - count, ledger["ok"]))
            findings.append(Finding("p90", "finite", str(latency_us["p90"]), latency_us["p90"] not in ("inf", None)))
            findings.append(equal("p99, over all that was sent", "inf", latency_us["p99"]))
        return findings

    return judge


def swapped(evidence: Evidence) -> list[Finding]:
    """Each k-th reply comes after its successor's: reordered by RFC 4737, and none lost."""
    ledger = evidence.document["ledger"]
    sent = evidence.stamps[np.argsort(evidence.stamps["sent_ns"], kind="stable")]
    by_stamps = sum(
        oracle.reordered(sent["number"][sent["connection"] == one]) for one in np.unique(sent["connection"])
    )
    wanted = oracle.hits(evidence.document["sent"], EVERY)
    return [
        balanced(evidence),
        equal("reordered, by the order in which the server sent", by_stamps, ledger["reordered"]),
        near("reordered, by the plan", wanted, ledger["reordered"], 1),  # the last one may have no successor
        equal("duplicate", 0, ledger["duplicate"]),
        most("lost", 1, ledger["lost"]),
    ]


def late(evidence: Evidence) -> list[Finding]:
    """Each k-th reply comes after its time-out: late and not lost, if it came before the end."""
    ledger = evidence.document["ledger"]
    wanted = oracle.hits(evidence.document["sent"], EVERY)
    outcomes = {
        name: int((evidence.raw["outcome"] == number).sum()) for name, number in (("late", LATE), ("lost", LOST))
    }
    return [
        balanced(evidence),
        equal("late and lost", wanted, ledger["late"] + ledger["lost"]),
        near("late", wanted, ledger["late"], 0.3 * wanted),
        equal("late and lost in the raw record", {k: ledger[k] for k in outcomes}, outcomes),
        equal("duplicate", 0, ledger["duplicate"]),
    ]


def broken(kind: str, stamp: str) -> Callable[[Evidence], list[Finding]]:
    """Connections that the server ends: each is counted by its kind, opened again, and the rest goes on."""

    def judge(evidence: Evidence) -> list[Finding]:
        document = evidence.document
        ended = int((evidence.stamps["kind"] == stamp).sum())
        return [
            balanced(evidence),
            equal(f"errors of the kind {kind}", ended, document["errors"].get(kind, 0)),
            equal("lost", ended, document["ledger"]["lost"]),
            Finding("connections that were ended", "more than there are", str(ended), ended > document["connections"]),
        ]

    return judge


def unharmed(evidence: Evidence) -> list[Finding]:
    """However the replies are cut or joined, each request has its own."""
    document = evidence.document
    return [
        balanced(evidence),
        equal("ok", document["sent"], document["ledger"]["ok"]),
        equal("errors", {}, document["errors"]),
        Finding("requests", "hundreds", str(document["sent"]), document["sent"] >= 200),
    ]


def stop_server(running: Running) -> tuple[int, int]:
    """Stop the server for a while, as Ctrl-Z would. Returns when it was stopped, and when it went on."""
    time.sleep(running.seconds / 3)
    begun_ns = time.monotonic_ns()
    os.kill(running.server_pid, signal.SIGSTOP)
    time.sleep(running.seconds / 6)
    ended_ns = time.monotonic_ns()
    os.kill(running.server_pid, signal.SIGCONT)
    return begun_ns, ended_ns


def stopped_server(evidence: Evidence) -> list[Finding]:
    """What was due while a real server was stopped waited for the rest of the stop."""
    begun_ns, ended_ns = evidence.disturbed
    due = evidence.raw["intended_ns"]
    waited = np.sort(np.where((due > begun_ns) & (due < ended_ns), ended_ns - due, 0)) / 1e6
    findings = [balanced(evidence)]
    for name, quantile in (("p90", 0.9), ("p99", 0.99)):
        exact = float(waited[math.ceil(quantile * len(waited)) - 1])
        seen = evidence.document["latency_us"][name] / 1e3
        findings.append(near(f"{name} by the schedule", exact, seen, 4 * NEAR_MS, "ms"))
    span_ms = float(due.max() - due.min()) / 1e6
    formula = oracle.stall_quantile(0.9, span_ms, (ended_ns - begun_ns) / 1e6)
    seen = evidence.document["latency_us"]["p90"] / 1e3
    findings.append(near("p90 by the formula", formula, seen, 0.1 * span_ms / 6 + 4 * NEAR_MS, "ms"))
    return findings


OVERLOAD = 1.05


def overloaded(evidence: Evidence) -> list[Finding]:
    """Latency grows by the excess, and the verdict says so."""
    due_s = (evidence.raw["intended_ns"] - evidence.raw["intended_ns"][0]) / 1e9
    latency_s = (evidence.raw["received_ns"] - evidence.raw["intended_ns"]) / 1e9
    answered = evidence.raw["received_ns"] > 0
    slope = float(np.polyfit(due_s[answered], latency_s[answered], 1)[0])
    wanted = oracle.overload_slope(OVERLOAD, 1.0)
    return [
        balanced(evidence),
        raised(evidence, "OVERLOAD"),
        near("slope of the latency", wanted, slope, 0.01, "s/s"),
    ]


def starved(evidence: Evidence) -> list[Finding]:
    """One at a time is served, the others wait for ever."""
    fairness = evidence.document["fairness"]
    return [
        equal("starved", evidence.document["connections"] - 1, fairness["starved"]),
        raised(evidence, "STARVED_CONNECTIONS"),
    ]


def little(evidence: Evidence) -> list[Finding]:
    """The number in flight, watched for itself, is rate times mean time in flight."""
    document = evidence.document
    answered = evidence.raw[evidence.raw["received_ns"] > 0]
    flights_s = float((answered["received_ns"] - answered["sent_ns"]).sum()) / 1e9
    wanted = flights_s / document["duration_s"]
    return [
        balanced(evidence),
        silent(evidence, "LITTLES_LAW_VIOLATED"),
        near("mean number in flight", wanted, document["in_flight_mean"], 0.02 * wanted),
    ]


def kernel_drops(evidence: Evidence) -> list[Finding]:
    """Datagrams for which a stopped server's socket had no room are lost, and the kernel's count explains them."""
    document = evidence.document
    drops = document["kernel_drops"]["server"]
    return [
        balanced(evidence),
        Finding("dropped at the server's socket", "more than 0", str(drops), drops > 0),
        silent(evidence, "UNEXPLAINED_LOSS"),
        most("dropped by the kernel and not lost", 0.01 * drops, abs(document["ledger"]["lost"] - drops)),
    ]


def many_datagrams(evidence: Evidence) -> list[Finding]:
    """Far more than the server takes: every single one is still in the ledger."""
    document = evidence.document
    return [
        balanced(evidence),
        near("scheduled", 300_000 * document["duration_s"], document["scheduled"], 3_000 * document["duration_s"]),
        Finding("verdict", "not valid", document["verdict"]["status"], document["verdict"]["status"] != "valid"),
    ]


def keep_busy(running: Running) -> None:
    """Compute on the generator's CPU until the load is over."""
    spin = f"import os, time\nos.sched_setaffinity(0, [{CPU}])\nend = time.monotonic() + {running.seconds}\n"
    command = [sys.executable, "-c", spin + "while time.monotonic() < end: pass"]
    subprocess.run(command, check=True, timeout=10 + running.seconds)


def pause(running: Running) -> None:
    """Stop the generator for 5 ms, twenty times a second."""
    end_s = time.monotonic() + 0.8 * running.seconds
    while time.monotonic() < end_s:
        os.kill(running.generator_pid, signal.SIGSTOP)
        time.sleep(0.005)
        os.kill(running.generator_pid, signal.SIGCONT)
        time.sleep(0.045)


def sabotaged(*names: str) -> Callable[[Evidence], list[Finding]]:
    """A generator with a fault must say so itself."""
    return lambda evidence: [balanced(evidence), raised(evidence, *names)]


def rate(rps: float, *more: str) -> tuple[str, ...]:
    """Options of an open loop."""
    return ("--rate", str(rps), "--seed", "11", *more)


EVERY = 20


def checks(scale: float = 1.0) -> Iterator[Check]:
    """All checks. scale: of their lengths; at 1 they take some two minutes together."""
    stalled_s = max(2, math.ceil(5 * scale)) * PERIOD_S  # whole periods: then it does not matter where they begin
    deep, sleepy = rate(2000, *_DEEP), {"stall_ns": int(STALL_S * 1e9), "stall_period_ns": int(PERIOD_S * 1e9)}
    for transport in ("udp", "tcp"):
        yield Check(
            f"constant_delay_{transport}",
            "Does every reply of a server that waits 2 ms take 2 ms?",
            Trial(transport, rate(1000, "--connections", "50"), 2 * scale, {"delay_ns": 2 * MS}, cpu=CPU),
            constant_delay,
        )
    yield Check(
        "stall_open",
        "Does the open loop see a server that stalls 100 ms now and then, at full size?",
        Trial("udp", rate(1000, *_DEEP), stalled_s, sleepy, cpu=CPU),
        stall_seen_by_the_open_loop,
    )
    yield Check(
        "stall_closed",
        "Does the closed loop, which sends nothing meanwhile, leave the same stalls out of its percentiles?",
        Trial("udp", ("--connections", "1"), stalled_s, sleepy, cpu=CPU),
        stall_hidden_in_the_closed_loop,
    )
    yield Check(
        "queue",
        "Are the waits at one server those of queueing theory?",
        Trial("udp", rate(1e6 * BUSY / SERVICE_US, *_DEEP), 6 * scale, {"service_ns": int(SERVICE_US * 1e3)}, cpu=CPU),
        one_server_queue,
    )
    for kind, option in (("lost", "drop_every"), ("corrupt", "corrupt_every"), ("duplicate", "duplicate_every")):
        yield Check(
            option.removesuffix("_every"),
            f"Is each {EVERY}th request, and no other, counted as {kind}?",
            Trial("udp", (*deep, "--timeout", "0.5"), scale, {option: EVERY}),
            faults(kind, EVERY),
            timed=False,
        )
    yield Check(
        "truncate",
        "Is a reply that lacks its last byte corrupt?",
        Trial("udp", (*deep, "--timeout", "0.5"), scale, {"truncate_every": EVERY}),
        faults("corrupt", EVERY),
        timed=False,
    )
    yield Check(
        "reorder",
        "Are replies that overtake each other counted, and matched to their requests?",
        Trial("udp", rate(2000, "--connections", "1", "--depth", "512"), scale, {"swap_every": EVERY}),
        swapped,
    )
    yield Check(
        "late",
        "Is a reply after its time-out late, and not lost?",
        Trial("udp", (*deep, "--timeout", "0.15"), 1.2 * scale, {"late_every": EVERY, "late_ns": 250 * MS}),
        late,
    )
    for kind, option, stamp in (
        ("reset", "reset_at", "resets"),
        ("closed", "close_at", "closes"),
        ("timeout", "mute_at", "falls silent"),
    ):
        yield Check(
            option.removesuffix("_at"),
            f"Is a connection that {stamp} at its 10th request counted, and opened again?",
            Trial("tcp", rate(800, "--connections", "8", "--timeout", "0.1"), scale, {option: 10}),
            broken(kind, stamp),
            timed=False,
        )
    yield Check(
        "pieces",
        "Are replies whole that come byte by byte?",
        Trial("tcp", ("--connections", "4"), 0.5 * scale, {"pieces": 1}),
        unharmed,
        timed=False,
    )
    yield Check(
        "merged",
        "Are replies told apart that come together?",
        Trial("tcp", ("--connections", "2", "--depth", "8"), 0.5 * scale, {"merge": 5}),
        unharmed,
        timed=False,
    )
    yield Check(
        "stopped_server",
        "Does a real server that is stopped for a while show it in the latency?",
        Trial("tcp", rate(1000, "--connections", "800", "--timeout", "10"), 3 * scale, model="asyncio", cpu=CPU),
        stopped_server,
        stop_server,
    )
    yield Check(
        "overload",
        "Is 1.05 of what a server can do called an overload?",
        Trial(
            "udp",
            rate(1e3 * OVERLOAD, *_DEEP, "--timeout", "5", "--arrivals", "constant"),
            5 * scale,
            {"service_ns": MS},
            cpu=CPU,
        ),
        overloaded,
    )
    yield Check(
        "starved",
        "Are the clients counted that a server for one client lets wait?",
        Trial("tcp", ("--connections", "8", "--timeout", "0.3"), 0.5 * scale, model="iterative"),
        starved,
        timed=False,
    )
    for name, load in (("closed", ("--connections", "16")), ("open", rate(2000, "--connections", "64"))):
        yield Check(
            f"little_{name}",
            "Does Little's law hold between the number in flight and the time stamps?",
            Trial("tcp", load, 1.5 * scale, {"delay_ns": 3 * MS}, cpu=CPU),
            little,
        )
    yield Check(
        "kernel_drops",
        "Are datagrams that the kernel drops at the server's socket lost, and explained?",
        Trial(
            "udp", rate(40_000, "--connections", "64", "--depth", "1024", "--timeout", "0.3"), 2 * scale, model="select"
        ),
        kernel_drops,
        stop_server,
    )
    yield Check(
        "many_datagrams",
        "Does the ledger balance at 300,000 datagrams a second, more than the server takes?",
        Trial(
            "udp", rate(300_000, "--connections", "64", "--depth", "1024", "--timeout", "0.3"), scale, model="asyncio"
        ),
        many_datagrams,
        timed=False,
    )
    yield Check(
        "sabotage_busy_core",
        "Does a generator that shares its CPU say so?",
        Trial("udp", rate(2000, *_DEEP), 1.5 * scale, {"delay_ns": MS}, cpu=CPU),
        sabotaged("RUN_DELAY"),
        keep_busy,
        timed=False,
    )
    yield Check(
        "sabotage_pauses",
        "Does a generator that is stopped for 5 ms now and then say so?",
        Trial("udp", rate(2000, *_DEEP), 1.5 * scale, {"delay_ns": MS}, cpu=CPU),
        sabotaged("LATENESS_IN_LATENCY", "LATE_SENDS"),
        pause,
        timed=False,
    )
    yield Check(
        "sabotage_ticks",
        "Does a generator that sends at whole milliseconds only say so?",
        Trial("udp", rate(2000, *_DEEP), 1.5 * scale, {"delay_ns": MS}, cpu=CPU, sabotage="tick_1ms"),
        sabotaged("LATENESS_IN_LATENCY", "LATE_SENDS"),
        timed=False,
    )

"""A check of the selftest, and what several checks need."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.selftest.expectations import Finding, match_stamps
from bench.selftest.trial import Evidence, RunningTrial, Trial

MS = 1_000_000  # nanoseconds
GENERATOR_CPU = min(os.sched_getaffinity(0))  # where a trial gives the generator a CPU of its own
FAULT_EVERY = 20  # requests
DEEP_PIPELINE = ("--connections", "4", "--depth", "256")
# Codes with which the generator reports that the machine disturbed its times.
_DISTURBANCE_CODES = {
    "CPU_STEAL",
    "RUN_DELAY",
    "LATE_SENDS",
    "LATENESS_IN_LATENCY",
    "POLL_BATCH_DELAY",
    "MAJOR_FAULTS",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the generator, with the trial that answers it."""

    name: str
    question: str
    trial: Trial
    judge: Callable[[Evidence], list[Finding]]
    disturb: Callable[[RunningTrial], Any] | None = None
    timed: bool = True  # about times, which a stall of this machine can disturb; see ``machine_disturbed``


def open_loop(rate_rps: float, *options: str) -> tuple[str, ...]:
    """Return the generator's options for an open loop."""
    return ("--rate", str(rate_rps), "--seed", "11", *options)


def machine_disturbed(evidence: Evidence) -> bool:
    """Return whether the machine disturbed the times, by the generator's codes or by the server's time stamps."""
    return not _DISTURBANCE_CODES.isdisjoint(evidence.codes) or _sent_late(evidence) or _read_late(evidence)


def _sent_late(evidence: Evidence) -> bool:
    """Return whether the server sent 1 in 100 replies later than it had planned."""
    sent = evidence.stamps[evidence.stamps["sent_ns"] > 0]
    return len(sent) > 0 and bool(np.quantile(sent["sent_ns"] - sent["planned_ns"], 0.99) > MS)


def _read_late(evidence: Evidence) -> bool:
    """Return whether the server read 1 in 100 requests late, and most of them in time.

    Where most are late, the cause may be a generator that stamps requests too early.
    """
    if not len(evidence.stamps):
        return False
    rows, stamps = match_stamps(evidence)
    late_ns = stamps["arrival_ns"] - rows["sent_ns"]
    return len(rows) > 0 and bool(np.quantile(late_ns, 0.99) > MS > np.median(late_ns))

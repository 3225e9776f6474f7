"""Checks that the generator reports faults of its own: each one is injected on purpose."""

from collections.abc import Callable
from typing import Any

from bench.selftest.check import DEEP_PIPELINE, GENERATOR_CPU, MS, Check, open_loop
from bench.selftest.disturbances import occupy_generator_cpu, pause_generator
from bench.selftest.expectations import Finding, code_raised, ledger_balances
from bench.selftest.trial import Evidence, RunningTrial, Trial

_LATE_SEND_CODES = ("LATENESS_IN_LATENCY", "LATE_SENDS")


def checks(scale: float) -> list[Check]:
    """Return the checks that sabotage the generator. scale: of their durations."""
    return [
        _sabotage(
            "sabotage_busy_cpu",
            "Does a generator report that it shares its CPU?",
            scale,
            ("RUN_DELAY",),
            occupy_generator_cpu,
        ),
        _sabotage(
            "sabotage_pauses",
            "Does a generator report that it was stopped for 5 ms now and then?",
            scale,
            _LATE_SEND_CODES,
            pause_generator,
        ),
        _sabotage(
            "sabotage_coarse_timer",
            "Does a generator report that it sends at whole milliseconds only?",
            scale,
            _LATE_SEND_CODES,
            fault="tick_1ms",
        ),
    ]


def _sabotage(
    name: str,
    question: str,
    scale: float,
    codes: tuple[str, ...],
    disturb: Callable[[RunningTrial], Any] | None = None,
    fault: str = "",
) -> Check:
    """Return a check that expects at least one of the codes. fault: built into the generator."""

    def judge(evidence: Evidence) -> list[Finding]:
        return [ledger_balances(evidence), code_raised(evidence, *codes)]

    load = open_loop(2000, *DEEP_PIPELINE)
    trial = Trial("udp", load, 1.5 * scale, {"delay_ns": MS}, cpu=GENERATOR_CPU, sabotage=fault)
    return Check(name, question, trial, judge, disturb, timed=False)

"""The objective of a search, and whether a load met it. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.search_votes import MAX_LATE_SHARE
from bench.experiment.solo_load import LoadResult
from bench.plan.scenario import Scenario
from clients.quality_codes import Thresholds

IDLE_FACTOR, MIN_P99_US = 10, 5_000.0  # default objective: ten times the idle median, but at least 5 ms


@dataclass(frozen=True, slots=True)
class Objective:
    """Condition that a rate has to meet.

    99% of the requests are answered in time, and few are missing.
    """

    p99_us: float
    lost_share: float

    def __str__(self) -> str:
        """Return the objective in words."""
        return f"99% of the requests answered within {self.p99_us / 1e3:.3g} ms, and at most {self.lost_share:.2%} lost"


def choose_objective(scenario: Scenario, idle_medians_us: Iterable[float]) -> Objective:
    """Return the objective of a scenario.

    The default follows from the slowest idle arm. A median is infinite if the arm lost half of the requests while it
    was idle; such an arm is not considered.
    """
    slowest_us = max((median_us for median_us in idle_medians_us if math.isfinite(median_us)), default=0.0)
    p99_us = scenario.accepted_p99_us or max(MIN_P99_US, IDLE_FACTOR * slowest_us)
    return Objective(p99_us, scenario.accepted_lost_share)


def meets(result: LoadResult, objective: Objective, thresholds: Thresholds) -> bool:
    """Return whether a load met the objective.

    Its requests must be answered, in time, and inside the window. Requests in time are counted instead of reading a
    percentile, which few requests do not have. At most 1% may take longer or stay unanswered. The histogram slot that
    contains the objective counts as longer (it is 0.8% wide).
    """
    document, ledger = result.document, result.document["ledger"]
    requests = document["latency_us"]["count"]
    slots = result.histograms.get("latency", ())
    in_time = sum(count for _, upper_ns, count in slots if upper_ns <= 1e3 * objective.p99_us)
    missing = ledger["lost"] + ledger["late"] + ledger["corrupt"] + document["unsent"]
    return bool(
        requests
        and requests - in_time <= MAX_LATE_SHARE * requests
        and missing <= objective.lost_share * document["scheduled"]
        and kept_up(document, thresholds)
    )


def kept_up(document: Mapping[str, Any], thresholds: Thresholds) -> bool:
    """Return whether the replies kept up with the requests that were due in the window.

    Little's law gives the mean number of requests in flight. At both ends of the window this number varies like a
    Poisson count, so two standard deviations are allowed. For the few requests of a slow server that is more than the
    share that may fall behind.
    """
    requests = document["latency_us"]["count"]
    in_flight = requests / document["duration_s"] * float(document["latency_us"]["mean"] or 0.0) / 1e6
    answered = document["throughput_rps"] * document["duration_s"]
    behind = thresholds.codes["OVERLOAD"].suspect * requests - answered
    return bool(behind <= 2 * math.sqrt(2 * in_flight))

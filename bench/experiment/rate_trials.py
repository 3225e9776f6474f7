"""Trials of a common rate: whether a rate suits all arms and the generator. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.experiment.objective import kept_up
from bench.experiment.solo_load import LoadResult
from clients.quality_codes import Thresholds


@dataclass(frozen=True, slots=True)
class RateTrial:
    """The result of a trial of one arm at a rate."""

    is_sustained: bool  # the arm answered what was due
    is_punctual: bool  # the generator did not raise the median latency


def judge_rate_trial(result: LoadResult, thresholds: Thresholds) -> RateTrial:
    """Return whether a trial shows that an arm sustains a rate, and that the generator was punctual."""
    (figures,) = result.slices
    complete = figures["unsent"] == 0 and figures["given_up"] == 0
    late = any(flag["percentile"] == "p50" for flag in result.document["verdict"]["flags"])
    return RateTrial(bool(complete and kept_up(result.document, thresholds)), not late)


def suits(trials: Sequence[RateTrial]) -> bool:
    """Return whether a rate suits all arms. trials: one of each arm, or those up to the first that fails.

    Every arm has to sustain the rate. The generator has to be punctual with most of them: with all of them, one
    disturbance in many trials would lower the rate.
    """
    return all(trial.is_sustained for trial in trials) and not is_too_late(trials, len(trials))


def is_too_late(trials: Sequence[RateTrial], arms: int) -> bool:
    """Return whether the generator was late with more than half of the arms, whatever the other trials will show."""
    return 2 * sum(not trial.is_punctual for trial in trials) > arms

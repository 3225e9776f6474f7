"""Which charts a run allows: a question each, about one load. Without matplotlib, which takes its time to import."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.report.charts.points import Load, arms_at, is_open, loads
from bench.schema.metrics import ScenarioKind

QUESTIONS = {
    "throughput": "How many requests per second can each model answer?",
    "ratios": "How much faster or slower than the reference, and is it more than noise?",
    "transports": "What does UDP save or lose against TCP, for the same model?",
    "latency": "How long does a request take from when it was due, at one rate for all?",
    "load": "How does latency grow with the load?",
    "service": "How long does a request take when every connection asks without a pause?",
    "tail": "How long do the slowest of a hundred requests take?",
    "sessions": "How many short sessions per second can each model serve?",
    "limit": "What is the highest rate at which each model answers in time?",
    "cpu": "How much CPU time does the server spend on one request?",
    "memory": "How much memory does each server hold under load?",
    "fairness": "Did all connections get the same share?",
    "loss": "How many datagrams were lost?",
    "steady": "Was the rate steady while it was measured?",
}
_SOURCES = {"latency": "histograms.csv.gz", "service": "histograms.csv.gz", "ratios": "comparisons.csv"} | {
    "steady": "slices.csv.gz",
    "fairness": "trials.csv",
    "loss": "trials.csv",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question about one load."""

    topic: str  # of QUESTIONS
    load: Load

    @property
    def question(self) -> str:
        """In words."""
        return QUESTIONS[self.topic]

    @property
    def source(self) -> str:
        """The file that its numbers stand in."""
        return _SOURCES.get(self.topic, "summary.csv")


def wanted(summary: pd.DataFrame, trials: pd.DataFrame) -> list[Wanted]:
    """What can be asked of a run, in the order of a report; for some there will turn out to be nothing to draw."""
    if summary.empty:
        return []
    searched = [load for load in loads(summary) if load.kind == ScenarioKind.MAX_RATE]
    in_blocks = [load for load in loads(summary) if load not in searched and not trials.empty]
    opened = [load for load in in_blocks if is_open(trials, load)]
    common = [load for load in opened if arms_at(summary, load) > 1]  # at a share of its own capacity an arm is alone
    sessions = [load for load in in_blocks if load.kind == ScenarioKind.SESSIONS and load not in opened]
    capacity = [load for load in in_blocks if load not in sessions and load not in opened]
    asked_of = {
        "throughput": capacity,
        "ratios": capacity,
        "transports": capacity,
        "latency": common,
        "load": opened[:1],
        "service": capacity,
        "tail": capacity,
        "sessions": sessions,
        "limit": searched,
        "cpu": common or capacity or sessions,
        "memory": capacity or sessions,
        "fairness": capacity,
        "loss": [*capacity, *sessions, *common],
        "steady": capacity,
    }
    return [Wanted(topic, load) for topic in QUESTIONS for load in asked_of[topic]]


def names(drawn: Sequence[Wanted]) -> list[str]:
    """A name for the files of each: its topic, and the load's where there are several: ``throughput-capacity-64B``."""
    topics = [one.topic for one in drawn]
    return [one.topic if topics.count(one.topic) == 1 else f"{one.topic}-{one.load.name}" for one in drawn]

"""The names of the files in a run folder, and the kind of row of each table."""

from typing import Any

from bench.schema.csv_schema import (
    ComparisonRow,
    GeneratorRow,
    HistogramRow,
    LatencyWindowRow,
    MaxRateRow,
    RateRow,
    RecoveryRow,
    ReplayRow,
    ResourceRow,
    RoundRow,
    SliceLengthRow,
    SliceRow,
    SummaryRow,
    TimelineRow,
    TrialRow,
)

ENVIRONMENT = "environment.json"
PLAN = "plan.toml"
COMPLETE = "complete.json"
LOCK = "lock"

SLICES = "slices.csv.gz"
HISTOGRAMS = "histograms.csv.gz"
RESOURCES = "resources.csv.gz"
TIMELINE = "timeline.csv.gz"
LATENCY_WINDOWS = "latency_windows.csv.gz"
REPLAY = "replay.csv.gz"
GENERATORS = "generators.csv"
ROUNDS = "rounds.csv"
TRIALS = "trials.csv"
RATES = "rates.csv"
SLICE_LENGTHS = "slice_lengths.csv"
MAX_RATE = "max_rate.csv"
INTERRUPTED_MAX_RATE = "max_rate-interrupted.csv"
SUMMARY = "summary.csv"
COMPARISONS = "comparisons.csv"
RECOVERY = "recovery.csv"
CHARTS = "charts"
OF_PHASES = (TIMELINE, LATENCY_WINDOWS)  # raw tables that have rows of loads with phases only
OF_SOME_LOADS = (*OF_PHASES, GENERATORS)  # the last one has rows of loads by several generators only

# Raw tables grow by one block at a time. trials.csv comes last, because it makes a block finished.
# The three largest tables are compressed: together they are nine tenths of a folder as plain text.
RAW_TABLES: dict[str, type[Any]] = {
    SLICES: SliceRow,
    HISTOGRAMS: HistogramRow,
    RESOURCES: ResourceRow,
    TIMELINE: TimelineRow,
    LATENCY_WINDOWS: LatencyWindowRow,
    GENERATORS: GeneratorRow,
    ROUNDS: RoundRow,
    TRIALS: TrialRow,
}
TABLES: dict[str, type[Any]] = RAW_TABLES | {
    RATES: RateRow,
    SLICE_LENGTHS: SliceLengthRow,
    MAX_RATE: MaxRateRow,
    REPLAY: ReplayRow,
    SUMMARY: SummaryRow,
    COMPARISONS: ComparisonRow,
    RECOVERY: RecoveryRow,
}


def is_compressed(name: str) -> bool:
    """Return whether a table consists of gzip members."""
    return name.endswith(".gz")

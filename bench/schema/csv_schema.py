"""The rows that pass between the stages: one frozen dataclass for each CSV file.

The fields of a row are the columns of its file, in this order; ``None`` is an empty cell. A name ends in its unit.
``docs/csv-columns.md`` is generated from the annotations.

Schema history:

- 1: first.
- 2: terms of the glossary as column names; status and reason in summary.csv; model and transport in every file with
  arms; slices, resources and histograms compressed, one row for each histogram.
"""

from bench.schema.block_rows import DISTURBED, HistogramRow, ResourceRow, RoundRow, SliceRow
from bench.schema.generator_row import GeneratorRow
from bench.schema.latency_window_row import LatencyWindowRow
from bench.schema.rate_rows import MaxRateRow, RateRow, SliceLengthRow
from bench.schema.recovery_row import RecoveryRow
from bench.schema.replay_row import ReplayRow
from bench.schema.result_rows import ComparisonRow, SummaryRow
from bench.schema.timeline_row import TimelineRow
from bench.schema.trial_row import TrialRow

SCHEMA = 2

__all__ = [
    "DISTURBED",
    "SCHEMA",
    "ComparisonRow",
    "GeneratorRow",
    "HistogramRow",
    "LatencyWindowRow",
    "MaxRateRow",
    "RateRow",
    "RecoveryRow",
    "ReplayRow",
    "ResourceRow",
    "RoundRow",
    "SliceLengthRow",
    "SliceRow",
    "SummaryRow",
    "TimelineRow",
    "TrialRow",
]

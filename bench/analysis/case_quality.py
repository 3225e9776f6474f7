"""The quality of a case: doubts, verdict and findings of its trials, for each metric. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import text
from bench.schema.metrics import METRICS
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import SUSPECT, VALID, QualityFlag, Thresholds, doubts, worst_verdict


@dataclass(frozen=True, slots=True)
class Quality:
    """A verdict, the doubts that led to it, and the findings about the server."""

    verdict: str = VALID
    doubts: tuple[QualityFlag, ...] = ()
    findings: tuple[QualityFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseQuality:
    """The quality of one case.

    Each metric has the doubts and findings that concern it: a late generator casts no doubt on the server's memory, and
    what moves the 99th percentile may leave the median alone.
    """

    blocks: tuple[tuple[QualityFlag, ...], ...] = ()  # the flags of each measured block
    failed_blocks: int = 0
    thresholds: Thresholds = DEFAULT_THRESHOLDS

    def for_metric(self, metric: str) -> Quality:
        """Return the quality of a metric."""
        figure, thresholds = METRICS[metric].figure, self.thresholds
        of_blocks = [doubts(flag for flag in flags if flag.concerns(figure)) for flags in self.blocks]
        verdict = thresholds.verdict_of_blocks(of_blocks, figure)
        raised = [flag for flags in of_blocks for flag in flags]
        if self.failed_blocks:
            verdict = worst_verdict([verdict, SUSPECT])
            raised.append(thresholds.flag("FAILED_BLOCKS", self.failed_blocks))
        found = [flag for flag in thresholds.findings_of_blocks(self.blocks) if flag.concerns(figure)]
        return Quality(verdict, tuple(thresholds.merge(raised)), tuple(found))


def case_quality(trials: pd.DataFrame, thresholds: Thresholds) -> CaseQuality:
    """Return the quality of one case. trials: its rows of trials.csv, one per block."""
    statuses = trials["status"].tolist()
    cells = zip(*(trials[name] for name in ("codes", "findings") if name in trials), strict=True)
    flags = (flags_of(row, thresholds) for status, row in zip(statuses, cells, strict=True) if status == "ok")
    return CaseQuality(tuple(map(tuple, flags)), statuses.count("failed"), thresholds)


def flags_of(cells: Sequence[object], thresholds: Thresholds) -> list[QualityFlag]:
    """Return the flags in the cells ``codes`` and ``findings`` of a row.

    An older run has both kinds in ``codes``.
    """
    return thresholds.parse(" ".join(map(text, cells)))

"""The quality of a case: verdict and flags of its trials, for each metric. Pure."""

from dataclasses import dataclass

import pandas as pd

from clients.quality_codes import SUSPECT, VALID, QualityFlag, Thresholds, worst_verdict

COST_METRICS = {"cpu_us_per_request", "rss_mb", "memory_mb"}


@dataclass(frozen=True, slots=True)
class Quality:
    """A verdict and the flags that led to it."""

    verdict: str = VALID
    flags: tuple[QualityFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseQuality:
    """The quality of one case: of its rates and times, and of its costs.

    Rates and times are judged by the codes that concern them, CPU time and memory by those that concern costs.
    """

    rates: Quality = Quality()
    costs: Quality = Quality()

    def for_metric(self, metric: str) -> Quality:
        """Return the quality that applies to a metric."""
        return self.costs if metric in COST_METRICS else self.rates


def case_quality(trials: pd.DataFrame, thresholds: Thresholds) -> CaseQuality:
    """Return the quality of one case. trials: its rows of trials.csv, one per block."""
    finished = trials["status"] == "ok"
    blocks = [thresholds.parse(str(cell)) for cell in trials.loc[finished, "codes"].dropna()]
    failed_blocks = int((trials["status"] == "failed").sum())
    rate_blocks = [[flag for flag in flags if flag.code.concerns_rates] for flags in blocks]
    cost_blocks = [[flag for flag in flags if flag.code.concerns_costs] for flags in blocks]
    return CaseQuality(
        _quality(rate_blocks, failed_blocks, thresholds), _quality(cost_blocks, failed_blocks, thresholds)
    )


def _quality(blocks: list[list[QualityFlag]], failed_blocks: int, thresholds: Thresholds) -> Quality:
    verdict = thresholds.verdict_of_blocks(blocks)
    flags = [flag for of_block in blocks for flag in of_block]
    if failed_blocks:
        verdict = worst_verdict([verdict, SUSPECT])
        flags.append(thresholds.flag("FAILED_BLOCKS", failed_blocks))
    return Quality(verdict, tuple(thresholds.merge(flags)))

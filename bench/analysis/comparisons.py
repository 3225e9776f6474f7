"""Comparisons of arms within one run: ratios, intervals and conclusions. Pure."""

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from bench.analysis.block_values import valid_slices
from bench.analysis.case_quality import CaseQuality, Quality, case_quality
from bench.analysis.cases import CaseKey, group_by_case, rows_at, to_table
from bench.analysis.families import Comparison, Family, families, holm_p_values
from bench.analysis.statistics import Interval, LogRatio
from bench.schema.column_docs import column_names
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS
from bench.schema.result_rows import ComparisonRow
from clients.quality_codes import INVALID, SUSPECT, Thresholds, format_flags, worst_verdict

COMPARISON_COLUMNS = column_names(ComparisonRow)
EQUIVALENCE_BOUNDS = (0.95, 1 / 0.95)  # the same factor in both directions
FAMILY_ERROR_RATE = 0.05
MIN_BLOCKS_TO_COMPARE = 3  # Student's quantile for two values is 12.7: such an interval is too wide to be of use


def compare_arms(
    trials: pd.DataFrame,
    slices: pd.DataFrame,
    reference_arms: Mapping[str, str],
    thresholds: Thresholds,
) -> pd.DataFrame:
    """Return every comparison of a run, as rows of ``ComparisonRow``.

    Compared are all pairs of arms of one transport, the UDP of each model with its TCP, and each control with its base.
    trials, slices: all rows of the run. reference_arms: name of the reference arm of each transport.

    The speed of a machine drifts by much more than the differences of interest, but hardly within a round. So the ratio
    is taken inside each round. Its median over the rounds is the value of a block, and the blocks give the interval.
    A percentile of a mixed scenario is compared inside blocks, and phases are not paired.
    """
    valid = valid_slices(slices, trials)
    if valid.empty:
        return to_table([], ComparisonRow)
    quality = {case: case_quality(rows, thresholds) for case, rows in group_by_case(trials).items()}
    measured = trials[trials["status"] == "ok"]
    rows = [row for family in families(valid, measured, reference_arms) for row in _rows(family, quality, thresholds)]
    return to_table(rows, ComparisonRow)


def conclude(metric: str, interval: LogRatio) -> Conclusion:
    """Return the conclusion of an interval: a difference, equivalence or neither."""
    if interval.excludes_one:
        return METRICS[metric].conclusion(interval.ratio)
    if interval.is_within(*EQUIVALENCE_BOUNDS):
        return Conclusion.EQUIVALENT
    return Conclusion.INCONCLUSIVE


def noise_floor_share(controls: pd.DataFrame) -> float | None:
    """Return the noise floor of one metric, as a share.

    It is the end farthest from 1 of any control's interval, in either direction.

    controls: rows of comparisons.csv with the kind ``control``; invalid ones do not count. None if no interval is
    bounded.
    """
    usable = controls[controls["verdict"] != INVALID]
    ends = [float(end) for end in [*usable["low"], *usable["high"]]]
    distances = [abs(math.log(end)) for end in ends if 0 < end < math.inf]
    return math.expm1(max(distances)) if distances else None


def is_within_noise(ratio: float, noise: float | None) -> bool:
    """Return whether a difference may be noise: the one rule of sentences, tables and lists.

    noise: the noise floor, as a share; None if it is unknown. False for a ratio that is not a positive number.
    """
    return noise is not None and 0 < ratio < math.inf and abs(math.log(ratio)) <= math.log1p(noise)


def noise_floor_at(load_point: LoadPoint, metric: str, comparisons: pd.DataFrame) -> float | None:
    """Return the noise floor of a metric at a load point, as a share; of all load points if it has no control.

    One load point can be far noisier than another, e.g. the median of a load that jumps between two values.
    """
    is_control = (comparisons["kind"] == ComparisonKind.CONTROL) & (comparisons["metric"] == metric)
    controls = comparisons.loc[is_control, [*LoadPoint.COLUMNS, "verdict", "low", "high"]]  # few columns: less to copy
    share = noise_floor_share(rows_at(controls, load_point))
    return noise_floor_share(controls) if share is None else share


def _rows(
    family: Family, quality_of_cases: Mapping[CaseKey, CaseQuality], thresholds: Thresholds
) -> Iterator[ComparisonRow]:
    intervals = family.intervals()
    p_values = holm_p_values(intervals)
    results = zip(family.members, intervals, family.differences(), p_values, strict=True)
    for comparison, interval, difference, p_holm in results:
        quality = _pair_quality(comparison, family.metric, quality_of_cases, thresholds)
        conclusion = _conclusion(family, comparison, interval, p_holm, quality)
        yield _to_row(family, comparison, interval, difference, p_holm, quality, conclusion)


def _pair_quality(
    comparison: Comparison, metric: str, quality_of_cases: Mapping[CaseKey, CaseQuality], thresholds: Thresholds
) -> Quality:
    """Return the quality of both arms together, and of the number of blocks."""
    names = (comparison.pair.arm, comparison.pair.reference)
    cases = [quality_of_cases.get(CaseKey(name, comparison.load_point), CaseQuality()) for name in names]
    both = [case.for_metric(metric) for case in cases]
    verdicts = [quality.verdict for quality in both]
    flags = [flag for quality in both for flag in quality.doubts]
    found = [flag for quality in both for flag in quality.findings]
    blocks = comparison.blocks
    if blocks < MIN_BLOCKS_TO_COMPARE:
        verdicts.append(SUSPECT)
        flags.append(thresholds.flag("FEW_BLOCKS", blocks))
    return Quality(worst_verdict(verdicts), tuple(thresholds.merge(flags)), tuple(thresholds.merge(found)))


def _conclusion(
    family: Family, comparison: Comparison, interval: LogRatio, p_holm: float, quality: Quality
) -> Conclusion:
    """Return the conclusion; none is drawn from invalid numbers or too few blocks.

    The intervals of controls are not corrected for the number of load points. So Holm's p-value decides whether a
    control differs from its base.
    """
    if quality.verdict == INVALID or comparison.blocks < MIN_BLOCKS_TO_COMPARE:
        return Conclusion.INCONCLUSIVE
    if family.of_controls and interval.excludes_one and p_holm >= FAMILY_ERROR_RATE:
        return Conclusion.INCONCLUSIVE
    return conclude(family.metric, interval)


def _to_row(
    family: Family,
    comparison: Comparison,
    interval: LogRatio,
    difference: Interval,
    p_holm: float,
    quality: Quality,
    conclusion: Conclusion,
) -> ComparisonRow:
    pair = comparison.pair
    return ComparisonRow(
        **comparison.load_point.cells,
        scenario_kind=comparison.scenario_kind.value,
        metric=family.metric,
        arm=pair.arm,
        reference=pair.reference,
        ratio=interval.ratio,
        low=interval.low,
        high=interval.high,
        p_holm=p_holm,
        blocks=comparison.blocks,
        conclusion=conclusion.value,
        verdict=quality.verdict,
        codes=format_flags(quality.doubts),
        findings=format_flags(quality.findings),
        kind=pair.kind.value,
        pairing=family.pairing.value,
        difference=difference.estimate,
        difference_low=difference.low,
        difference_high=difference.high,
    )

"""A long ("tidy") CSV file: one row for each block, case and metric, for R, pandas and DuckDB. Pure.

Format: one observation a row, one variable a column, as in H. Wickham, Tidy Data, J. Stat. Softw. 59 (2014), article
10; the text is that of RFC 4180 with line feeds. The values of invalid figures and blocks are empty, and the columns
verdict and block_verdict show why.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from bench.export.export import Export, RunFacts
from bench.export.figures import BlockValue, ExportFigure, left_out_lines
from bench.schema import common_columns as common
from bench.schema.column_docs import Column
from bench.store.csv_rows import csv_header, csv_rows
from clients.quality_codes import INVALID


@dataclass(frozen=True, slots=True)
class LongRow:
    """One metric of one case in one block."""

    block: Annotated[int | None, Column("Number of the block, from 0. Empty for a search, which has no blocks.")]
    arm: common.ArmName
    model: common.Model
    transport: common.Transport
    protocol: common.Protocol
    python: common.Python
    scenario_kind: common.ScenarioKindName
    scenario: common.Scenario
    connections: common.Connections
    message_bytes: common.MessageBytes
    population: common.Population
    phase: common.Phase
    rate_rps: common.RateRps
    metric: common.Metric
    unit: Annotated[str, Column("Unit of `value`.")]
    value: Annotated[float | None, Column("Value of the block. Empty if `verdict` or `block_verdict` is `invalid`.")]
    verdict: Annotated[str, Column("Verdict on the median over the blocks, as in `summary.csv`.")]
    codes: common.Codes
    block_verdict: Annotated[str, Column("Verdict on the value of the block alone.")]
    block_codes: Annotated[str, Column("Doubts about the value of the block.")]


def to_csv_long(figures: Sequence[ExportFigure], _facts: RunFacts) -> Export:
    """Return every value of every block, and the result of each search."""
    rows = [row for figure in figures for row in _rows(figure)]
    values = sum(row.value is not None for row in rows)
    without_rows = [figure for figure in figures if not any(_rows(figure))]
    invalid = [figure for figure in figures if figure.verdict == INVALID and any(_rows(figure))]
    notes = [f"left out: {line}" for line in left_out_lines(without_rows)]
    notes += [f"empty: {line}" for line in left_out_lines(invalid)]
    notes += [
        f"empty: {figure.case_name}: {figure.metric.name} in block {value.block} ({value.left_out})"
        for figure in figures
        if figure.verdict != INVALID
        for value in figure.block_values
        if value.left_out
    ]
    return Export({"": csv_header(LongRow) + csv_rows(LongRow, rows)}, values, tuple(notes))


def _rows(figure: ExportFigure) -> Iterator[LongRow]:
    if figure.is_search and not math.isnan(figure.median):
        yield _row(figure, BlockValue(-1, figure.median, math.nan, figure.verdict, figure.codes))
    for value in figure.block_values:
        yield _row(figure, value)


def _row(figure: ExportFigure, value: BlockValue) -> LongRow:
    point = figure.case.load_point
    return LongRow(
        block=None if figure.is_search else value.block,
        arm=figure.case.arm,
        model=figure.model,
        transport=figure.transport,
        protocol=figure.protocol,
        python=figure.python,
        scenario_kind=figure.scenario_kind,
        scenario=point.scenario,
        connections=point.connections,
        message_bytes=point.message_bytes,
        population=point.population,
        phase=point.phase,
        rate_rps=None if math.isnan(figure.rate_rps) else figure.rate_rps,
        metric=figure.metric.name,
        unit=figure.metric.unit,
        value=None if INVALID in (figure.verdict, value.verdict) else value.value,
        verdict=figure.verdict,
        codes=figure.codes,
        block_verdict=value.verdict,
        block_codes=value.codes,
    )

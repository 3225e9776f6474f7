"""Columns of a result table besides its medians: what was lost, and what CPU time a server saves. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.savings import COST, difference_text
from bench.report.tables import RATIO_KINDS, ResultTable
from bench.report.udp_price import Loss
from bench.translation import N_, gettext

LOST = N_("requests lost")
SAVED = N_("CPU µs/request against the reference")


@dataclass(frozen=True, slots=True)
class ExtraColumn:
    """A column. texts: of its cells, by the name of the arm."""

    heading: str
    texts: Mapping[str, str]


def extra_columns(
    table: ResultTable, comparisons: Sequence[Mapping[Any, Any]], lost: Mapping[str, Loss]
) -> list[ExtraColumn]:
    """Return the columns that a table has data for.

    comparisons: at the load point of the table. lost: by arm. It is shown where a server used UDP: TCP sends again.
    """
    names = {row.arm.name for row in table.rows}
    columns = []
    if any(row.arm.transport == "udp" and row.arm.name in lost for row in table.rows):
        columns.append(ExtraColumn(gettext(LOST), {name: str(loss) for name, loss in lost.items() if name in names}))
    saved = {
        str(row["arm"]): difference_text(row)
        for row in comparisons
        if row["metric"] == COST and row["kind"] in RATIO_KINDS
    }
    if any(text != "-" for text in saved.values()):
        columns.append(ExtraColumn(gettext(SAVED), saved))
    return columns

"""Write the reference pages that are generated from tables in the code: ``python docs/generate_reference.py``."""

from collections.abc import Callable
from pathlib import Path

from bench.plan.key_reference import plan_keys_markdown
from bench.store.column_page import csv_columns_markdown
from clients.quality_catalogue import CATALOGUE
from clients.quality_codes import ALL_QUANTITIES, QualityCode, Quantity

DOCS = Path(__file__).parent

_QUALITY_INTRODUCTION = """\
# Quality codes

A trial raises a flag when a measured value passes the threshold of a *quality code*. There are two groups of codes:

| group | meaning | column of CSV files |
|---|---|---|
| doubts | Another generator, or a quiet machine, might measure another number. | `codes`: `RUN_DELAY=2.1%` |
| findings | The number is right. The code shows what the server did. | `findings`: `UNFAIR_SERVICE=80.1%` |

Doubts alone decide the *verdict*: `valid`, `suspect` or `invalid`. Findings have a mark of their own, `*`.

In `slices.csv.gz` the column `codes` has one other value, `DISTURBED`: the round of the slice was disturbed and
repeated, so the slice is not counted. It is not a quality code and has no threshold.

- A *transient* code varies between blocks, mostly with the machine. It makes a median over blocks suspect only if it
  hits at least half of the blocks, or makes one of them invalid. It makes the median invalid only if it makes at least
  half of the blocks invalid.
  A transient finding belongs to a case if at least half of the blocks have it.
- A code concerns certain numbers only. A late generator casts no doubt on the CPU time and the memory of the server.
- A code *of a percentile* has a value for each of p50, p90, p99, p99.9 and the maximum: `LATE_SENDS@p99=0.2%`. It
  counts for this percentile alone. Where the threshold is a share *of the requests beyond the percentile*, 0.2% is
  little for the median, because half of all requests are beyond it, and much for p99.9.

A plan can change the thresholds: `[thresholds]` in the [plan keys](plan-keys.md). The report lists every changed
threshold. `python docs/generate_reference.py` writes this page from `clients/quality_catalogue.py`.

"""
_DOUBTS = """
## Doubts

| code | meaning | what to do | suspect | invalid | concerns | transient |
|---|---|---|---|---|---|---|
"""
_FINDINGS = """
## Findings

| code | meaning | what it means or what to do | raised | transient |
|---|---|---|---|---|
"""


def quality_codes_markdown() -> str:
    """Return the page of quality codes."""
    rows_of_doubts = "".join(_doubt_row(code) for code in CATALOGUE.values() if not code.is_finding)
    rows_of_findings = "".join(_finding_row(code) for code in CATALOGUE.values() if code.is_finding)
    return f"{_QUALITY_INTRODUCTION}{_DOUBTS}{rows_of_doubts}{_FINDINGS}{rows_of_findings}"


def _doubt_row(code: QualityCode) -> str:
    return _row(
        f"`{code.name}`",
        code.meaning,
        code.advice,
        _threshold(code, code.suspect),
        _threshold(code, code.invalid),
        _concerns(code),
        "yes" if code.transient else "",
    )


def _finding_row(code: QualityCode) -> str:
    threshold = _threshold(code, code.suspect)
    return _row(f"`{code.name}`", code.meaning, code.advice, threshold, "yes" if code.transient else "")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _concerns(code: QualityCode) -> str:
    """Return the quantities that a code concerns; empty for all of them."""
    if code.concerns == ALL_QUANTITIES:
        return "all"
    names = ", ".join(str(quantity) for quantity in Quantity if quantity in code.concerns)
    return f"{names}, by percentile" if code.of_percentile else names


def _threshold(code: QualityCode, limit: float | None) -> str:
    if limit is None:
        return ""
    if not code.format:
        return "always"
    number = code.format.format(limit) if "%" in code.format else f"{limit:g}"
    beyond = " of the requests beyond the percentile" if code.of_tail else ""
    return f"below {number}{beyond}" if code.low_is_bad else f"above {number}{beyond}"


PAGES: dict[str, Callable[[], str]] = {
    "csv-columns.md": csv_columns_markdown,
    "plan-keys.md": plan_keys_markdown,
    "quality-codes.md": quality_codes_markdown,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Write the reference pages that are generated from tables in the code: ``python docs/generate_reference.py``."""

from collections.abc import Callable
from pathlib import Path

from bench.plan.key_reference import plan_keys_markdown
from bench.store.column_page import csv_columns_markdown
from clients.quality_catalogue import CATALOGUE
from clients.quality_codes import QualityCode

DOCS = Path(__file__).parent

_QUALITY_INTRODUCTION = """\
# Quality codes

A *quality code* is a reason not to trust a number. A trial raises a flag when a measured value passes the threshold of
a code. The worst flag decides the *verdict*: `valid`, `suspect` or `invalid`. CSV files list the flags in the column
`codes`, each with its value: `RUN_DELAY=2.1% LOSS=0.043%`.

In `slices.csv.gz` the column `codes` has one other value, `DISTURBED`: the round of the slice was disturbed and
repeated, so the slice is not counted. It is not a quality code and has no threshold.

- A *transient* code varies between blocks, mostly with the machine. It makes a median over blocks suspect only if it
  hits at least half of the blocks, or makes one of them invalid. It makes the median invalid only if it makes at least
  half of the blocks invalid.
- A code that does not concern *costs* casts no doubt on CPU time and memory. These belong to the server, whatever the
  generator did.
- A code that does not concern *rates* casts doubt on CPU time and memory alone, and on no trial as a whole.

A plan can change the thresholds: `[thresholds]` in the [plan keys](plan-keys.md). The report lists every changed
threshold. `python docs/generate_reference.py` writes this page from `clients/quality_catalogue.py`.

| code | meaning | what to do | suspect | invalid | transient | concerns costs | concerns rates |
|---|---|---|---|---|---|---|---|
"""


def quality_codes_markdown() -> str:
    """Return the page of quality codes."""
    return _QUALITY_INTRODUCTION + "".join(_quality_row(code) for code in CATALOGUE.values())


def _quality_row(code: QualityCode) -> str:
    cells = (
        f"`{code.name}`",
        code.meaning,
        code.advice,
        _threshold(code, code.suspect),
        _threshold(code, code.invalid),
        "yes" if code.transient else "",
        "yes" if code.concerns_costs else "",
        "yes" if code.concerns_rates else "",
    )
    return f"| {' | '.join(cells)} |\n"


def _threshold(code: QualityCode, limit: float | None) -> str:
    if limit is None:
        return ""
    if not code.format:
        return "always"
    number = code.format.format(limit) if "%" in code.format else f"{limit:g}"
    return f"below {number}" if code.low_is_bad else f"above {number}"


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

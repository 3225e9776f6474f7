"""The cost of asyncio's own reads, as a sentence of a run that contains the alternative. Pure.

At each read, asyncio asks for 256 KiB of fresh memory. docs/asyncio-reads.md has the reason and the figures.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.formatting import format_ratio
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.translation import N_, gettext
from clients.quality_codes import INVALID

STOCK = "asyncio"
# The model over each transport that reads into memory which it keeps, and the documented interface that it uses.
ALTERNATIVES = {"tcp": ("asyncio_buffered", "asyncio.BufferedProtocol"), "udp": ("asyncio_reader", "loop.add_reader")}
QUANTITIES = {"throughput_rps": N_("requests per second"), "sessions_per_s": N_("sessions per second")}
COMPARED = (ComparisonKind.REFERENCE, ComparisonKind.PAIR)
Row = Mapping[Any, Any]  # a row of comparisons.csv


def asyncio_reads(rows: Iterable[Row], metric: str) -> str:
    """Return a sentence for each transport over which the run concludes that asyncio loses, or does not lose.

    rows: the comparisons of the metric at one load point. Arms of two interpreters, inconclusive rows and metrics other
    than ``QUANTITIES`` give no sentence.
    """
    quantity = QUANTITIES.get(metric)
    if quantity is None:
        return ""
    return " ".join(
        sentence
        for row in rows
        if row["kind"] in COMPARED and row["verdict"] != INVALID and (sentence := _sentence(row, quantity))
    )


def _sentence(row: Row, quantity: str) -> str:
    arm, reference = Arm.parse(row["arm"]), Arm.parse(row["reference"])
    if arm.transport not in ALTERNATIVES:
        return ""
    alternative, interface = ALTERNATIVES[arm.transport]
    conclusion = Conclusion(row["conclusion"])
    ratio, low, high = (float(row[name]) for name in ("ratio", "low", "high"))
    if arm.python != reference.python:
        return ""
    if (arm.model, reference.model) == (STOCK, alternative):
        arm, reference = reference, arm
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    elif (arm.model, reference.model) != (alternative, STOCK):
        return ""
    figures = gettext(
        "{ratio} times the {quantity} of {label} ({low} to {high})",
        ratio=format_ratio(ratio),
        quantity=gettext(quantity),
        label=reference.label,
        low=format_ratio(low),
        high=format_ratio(high),
    )
    over = gettext(
        "Over {transport}, {label} ({interface}) has {figures}",
        transport=arm.transport.upper(),
        label=arm.label,
        interface=interface,
        figures=figures,
    )
    if conclusion.is_difference and ratio > 1:
        return gettext("{over}: asyncio itself asks for 256 KiB at each read (docs/asyncio-reads.md).", over=over)
    if conclusion.is_difference:
        return gettext("{over}: the reads of asyncio, 256 KiB each, cost nothing here.", over=over)
    if conclusion is Conclusion.EQUIVALENT:
        return gettext("{over}, which is equivalent: asyncio's reads of 256 KiB cost nothing here.", over=over)
    return ""

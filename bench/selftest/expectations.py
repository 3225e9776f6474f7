"""Expectations: one value that the generator reported, beside the value that it must report. Pure."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from bench.selftest.trial import Array, Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation and the value that was reported."""

    what: str
    expected: str
    seen: str
    holds: bool
    always_shown: bool = False  # a figure of this machine that is printed even if it is as expected


def equal(what: str, expected: object, seen: object) -> Finding:
    """Expect exactly this value."""
    return Finding(what, str(expected), str(seen), bool(expected == seen))


def approx(what: str, expected: float, seen: object, within: float, unit: str = "") -> Finding:
    """Expect a number within a tolerance. ``"inf"`` and None are read as the generator's document has them."""
    value = _to_float(seen)
    holds = abs(value - expected) <= within
    return Finding(what, f"{expected:.4g} ± {within:.3g} {unit}".strip(), f"{value:.4g} {unit}".strip(), holds)


def at_most(what: str, limit: float, seen: float, unit: str = "", *, always_shown: bool = False) -> Finding:
    """Expect a number up to a limit."""
    expected = f"at most {limit:.4g} {unit}".strip()
    return Finding(what, expected, f"{seen:.4g} {unit}".strip(), bool(seen <= limit), always_shown)


def at_least(what: str, limit: float, seen: float, unit: str = "") -> Finding:
    """Expect a number from a limit upwards."""
    return Finding(what, f"at least {limit:.4g} {unit}".strip(), f"{seen:.4g} {unit}".strip(), bool(seen >= limit))


def more_than(what: str, limit: float, seen: float, unit: str = "") -> Finding:
    """Expect a number above a limit."""
    return Finding(what, f"more than {limit:.4g} {unit}".strip(), f"{seen:.4g} {unit}".strip(), bool(seen > limit))


def ledger_balances(evidence: Evidence) -> Finding:
    """Expect every request in the ledger exactly once."""
    document, ledger = evidence.document, evidence.document["ledger"]
    outcomes = sum(ledger[outcome] for outcome in ("ok", "late", "lost", "corrupt"))
    sent_or_unsent = document["sent"] + document["unsent"]
    scheduled = document["scheduled"] if document["scheduled"] is not None else sent_or_unsent
    return equal(
        "sent, sent + unsent = ok + late + lost + corrupt, scheduled",
        (outcomes, scheduled),
        (document["sent"], sent_or_unsent),
    )


def code_raised(evidence: Evidence, *names: str) -> Finding:
    """Expect at least one of the quality codes in the verdict."""
    seen = _flag_texts(evidence, evidence.codes)
    return Finding("code", " or ".join(names), seen, any(name in evidence.codes for name in names))


def code_absent(evidence: Evidence, *names: str) -> Finding:
    """Expect none of the quality codes in the verdict."""
    seen = _flag_texts(evidence, names)
    return Finding("code", f"no {' or '.join(names)}", seen, not any(name in evidence.codes for name in names))


def match_stamps(evidence: Evidence) -> tuple[Array, Array]:
    """Return the raw rows of answered requests, and the server's time stamp of the reply to each."""
    stamps = evidence.stamps[evidence.stamps["sent_ns"] > 0]
    stamp_keys = stamps["connection"] * (1 << 40) + stamps["number"]
    order = np.argsort(stamp_keys, kind="stable")
    rows = evidence.raw[evidence.raw["received_ns"] > 0]
    row_keys = rows["connection"].astype(np.int64) * (1 << 40) + rows["number"]
    positions = np.searchsorted(stamp_keys[order], row_keys)
    matches = stamp_keys[order][np.minimum(positions, len(stamp_keys) - 1)] == row_keys
    assert matches.all(), "the generator recorded a reply that the server never sent"
    return rows, stamps[order[positions]]


def exact_quantile(ascending: Array, quantile: float) -> float:
    """Return the quantile of sorted values as the generator defines it: the value of rank ceil(q n)."""
    return float(ascending[math.ceil(quantile * len(ascending)) - 1])


def _flag_texts(evidence: Evidence, names: Collection[str]) -> str:
    """Return the flags of the codes as the generator prints them, or ``none``."""
    verdict = evidence.document["verdict"]
    printed = [*verdict["codes"], *verdict["findings"]]
    texts = [text for flag, text in zip(verdict["flags"], printed, strict=True) if flag["code"] in names]
    return " ".join(texts) or "none"


def _to_float(value: object) -> float:
    if value is None:
        return math.nan
    return math.inf if value == "inf" else float(str(value))

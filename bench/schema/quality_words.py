"""Quality codes for people. ``clients.quality_catalogue`` has the texts; cells and codes are English everywhere."""

import re
from collections.abc import Iterable

from bench.translation import gettext
from clients.quality_codes import QualityCode, QualityFlag

_SINGULAR = re.compile(r"\b1 (connections|conexiones)\b")  # a text has one form: nearly all values are shares


def short_text(flag: QualityFlag) -> str:
    """Return a flag in words, without its code: ``generator preempted 2.1% of the time``."""
    return _fill(flag.code.short, flag.figure)


def worst_text(flag: QualityFlag) -> str:
    """Return a flag in words as the worst of several: ``generator preempted up to 2.1% of the time``."""
    extreme = gettext("only {figure}") if flag.code.low_is_bad else gettext("up to {figure}")
    return _fill(flag.code.short, extreme.format(figure=flag.figure))


def full_text(flag: QualityFlag) -> str:
    """Return a flag in words, with its code: ``generator preempted 2.1% of the time (RUN_DELAY)``."""
    return f"{short_text(flag)} ({flag.name})" if flag.code.short else str(flag)


def describe_flags(flags: Iterable[QualityFlag]) -> str:
    """Return flags in words: each with its code, separated by commas."""
    return ", ".join(map(full_text, flags))


def advice_text(code: QualityCode) -> str:
    """Return what to do about a code."""
    return gettext(code.advice)


def meaning_text(code: QualityCode) -> str:
    """Return what a code means."""
    return gettext(code.meaning)


def _fill(text: str, figure: str) -> str:
    translated = gettext(text)
    return _SINGULAR.sub(_one_connection, translated.format(figure)) or figure


def _one_connection(_: re.Match[str]) -> str:
    return gettext("1 connection")

"""Changes and missing cases of a comparison as text. Pure."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.compare.changes import Change
from bench.compare.missing_cases import Missing
from bench.compare.wording import direction, percent
from bench.formatting import compact
from bench.schema.code_words import in_words
from bench.schema.conclusions import Conclusion
from bench.translation import gettext, ngettext, translate_line

if TYPE_CHECKING:
    from bench.schema.load_points import LoadPoint

_MAX_REASON_LENGTH = 160


def describe_case(change: Change) -> str:
    """Return a change with its server and its load."""
    return f"{change.arm}, {change.load_point}: {change.metric} {describe_change(change)}{relative_text(change)}"


def describe_change(change: Change) -> str:
    """Return the judged change with its interval: ``-20% [-22%, -18%]``; ``-`` for invalid figures."""
    low, high = change.judged_interval
    if change.has_invalid_figures:
        return "-"
    if math.isnan(low):
        return percent(change.judged_ratio)
    return f"{percent(change.judged_ratio)} [{percent(low)}, {percent(high)}]"


def describe_outcome(change: Change) -> str:
    """Return ``less`` or ``higher`` for a difference, or else the conclusion."""
    if Conclusion(change.conclusion).is_difference:
        return direction(change.metric, change.judged_ratio)
    return in_words(change.conclusion)


def describe_values(change: Change) -> tuple[str, str]:
    """Return the values before and after; ``-`` for invalid figures, since a reader would take them for a result."""
    return ("-", "-") if change.has_invalid_figures else (compact(change.before), compact(change.now))


def describe_verdict(change: Change) -> str:
    """Return the verdict; ``machine drift`` where the figures are usable, but the machine prevents a conclusion."""
    return gettext("machine drift") if change.is_machine_drift else in_words(change.verdict)


def relative_text(change: Change) -> str:
    """Return `` relative to native``, or nothing for a change of the values."""
    return (
        gettext(" relative to {relative_to}", relative_to=change.relative_to)
        if change.relative_to and not change.has_invalid_figures
        else ""
    )


def describe_missing(missing: Sequence[Missing], names: Sequence[str], metrics: Iterable[str] = ()) -> list[str]:
    """Return one line for each arm and status, with all its load points. metrics: only these; all if empty."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Missing]] = {}
    for item in missing:
        # If a whole case is missing, its metrics are listed only if a --fail-if condition names them.
        listed = tuple(name for name in item.metrics if name in metrics or (item.status == "ok" and not metrics))
        groups.setdefault((item.arm, item.status, listed), []).append(item)
    statuses = {"ok": gettext("has no such value"), "missing": gettext("is not measured")}
    lines = []
    for (arm, status, listed), members in groups.items():
        reasons = list(dict.fromkeys(item.reason for item in members))
        reason = textwrap.shorten(translate_line(reasons[0]), _MAX_REASON_LENGTH, placeholder=" ...")
        if len(reasons) > 1:
            reason += gettext(
                ", and {other_reasons}",
                other_reasons=ngettext("{count} other reason", "{count} other reasons", len(reasons) - 1),
            )
        server = gettext("{listed} of {arm}", listed=", ".join(listed), arm=arm) if listed else arm
        outcome = statuses.get(status, in_words(status))
        lines.append(
            gettext(
                "{server}, measured in {names}, {outcome} in {names_2}, at {load_points}: {reason}",
                server=server,
                names=names[0],
                outcome=outcome,
                names_2=names[1],
                load_points=_load_points(members),
                reason=reason,
            )
        )
    return lines


def _load_points(members: Sequence[Missing]) -> str:
    """Return load points by scenario and message size: ``capacity, 1, 16 and 64 connections, 64 bytes``."""
    groups: dict[LoadPoint, list[int]] = {}
    for item in members:
        groups.setdefault(replace(item.load_point, connections=0), []).append(item.connections)
    texts = []
    for load_point, counts in groups.items():
        *smaller, largest = sorted(counts)
        name, _, rest = str(replace(load_point, connections=largest)).partition(", ")
        texts.append(
            gettext("{name}, {smaller} and {rest}", name=name, smaller=", ".join(map(str, smaller)), rest=rest)
            if smaller
            else f"{name}, {rest}"
        )
    return "; ".join(texts)

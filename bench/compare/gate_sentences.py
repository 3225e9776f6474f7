"""The outcome of a gate in sentences: what it can detect, what breaks it, and where it is undecided. Pure."""

import math
from collections.abc import Sequence

from bench.compare.change_text import describe_case, describe_missing
from bench.compare.changes import Change
from bench.compare.gates import GateOutcome, GateResult, blocks_needed
from bench.translation import N_, gettext, ngettext

_MAX_UNDECIDED = 3  # comparisons that are listed for each gate
_MAX_BLOCKS = 200  # per run; a longer run than that is not practical
_UNJUDGED = N_(
    "no comparison can be judged, because figures are invalid, blocks are too few, or the "
    "machine drifted too far; measure again, or with more blocks"
)
_REMEDY = N_(
    "is undecided: measure more blocks, or both servers in one run; judge one server "
    "(--arm), or pass the condition (--allow-undecided)"
)


def summarise_gate(gate: GateResult) -> str:
    """Return the outcome of a gate, and in how many comparisons."""
    count = ngettext("{count} comparison", "{count} comparisons", len(gate.comparisons))
    doubt = gettext("{undecided} of {count} cannot exclude such a change", undecided=len(gate.undecided), count=count)
    if not gate.is_judged:
        doubt = gettext("none of {count} can be judged", count=count)
    texts = {
        GateOutcome.BROKEN: gettext(
            "fails in {cases}", cases=ngettext("{count} case", "{count} cases", len(gate.broken) + len(gate.missing))
        ),
        GateOutcome.UNDECIDED: gettext("undecided: {doubt}", doubt=doubt),
        GateOutcome.PASSED: gettext("passes in {count}", count=count),
    }
    return gettext(
        "gate {rule} {outcome}", rule=gate.rule, outcome=texts[gate.outcome]
    )  # on a page, the first letter is a capital one


def describe_gate(gate: GateResult, names: Sequence[str]) -> list[str]:
    """Return which changes a gate can detect, what breaks it, and where it is undecided."""
    lines = [_describe_power(gate)]
    lines += [gettext("broken: {case}", case=describe_case(change)) for change in gate.broken]
    lines += [
        gettext("broken: {text}", text=text) for text in describe_missing(gate.missing, names, [gate.rule.metric])
    ]
    for change in gate.undecided[:_MAX_UNDECIDED]:
        lines.append(
            gettext("undecided: {case}{doubt}", case=describe_case(change), doubt=_describe_doubt(change, gate))
        )
    if (more := len(gate.undecided) - _MAX_UNDECIDED) > 0:
        lines.append(
            gettext(
                "undecided: {more_comparisons} (--json lists all)",
                more_comparisons=ngettext("{count} more comparison", "{count} more comparisons", more),
            )
        )
    if gate.outcome == GateOutcome.UNDECIDED and gate.is_judged:
        lines.append(gettext("gate {rule} {remedy}", rule=gate.rule, remedy=gettext(_REMEDY)))
    return lines


def _describe_power(gate: GateResult) -> str:
    if not gate.is_judged:
        return gettext("gate {rule}: {reason}", rule=gate.rule, reason=gettext(_UNJUDGED))
    shares = gate.detectable_shares
    if not shares or math.isinf(shares[0]):
        return gettext("gate {rule}: no comparison can detect any change; measure more blocks", rule=gate.rule)
    ends = dict.fromkeys(_describe_share(share) for share in (shares[0], shares[-1]))
    return gettext(
        "gate {rule}: the smallest detectable change is {ends}", rule=gate.rule, ends=gettext(" to ").join(ends)
    )


def _describe_doubt(change: Change, gate: GateResult) -> str:
    if not change.is_judged:
        return gettext("; its values are invalid, the machine drifted too far, or it has too few blocks")
    blocks = blocks_needed(change, gate.rule)
    seen = gettext("; it detects changes from {share} on", share=_describe_share(change.detectable_share))
    if math.isnan(blocks) or blocks <= change.blocks:
        return seen
    needed = (
        gettext("about {blocks:.0f}", blocks=blocks)
        if blocks <= _MAX_BLOCKS
        else gettext("more than {max_blocks}", max_blocks=_MAX_BLOCKS)
    )
    return gettext(
        "{seen}, and {needed} blocks in each run would detect {share}",
        seen=seen,
        needed=needed,
        share=_describe_share(abs(gate.rule.share)),
    )


def _describe_share(share: float) -> str:
    if math.isinf(share):
        return gettext("unbounded")
    return f"{100 * share:.0f}%" if share >= 0.0995 else f"{100 * share:.1f}%"

"""The outcome of a gate in sentences: what it can detect, what breaks it, and where it is undecided. Pure."""

import math
from collections.abc import Sequence

from bench.compare.change_text import describe_case, describe_missing
from bench.compare.changes import Change
from bench.compare.gates import GateOutcome, GateResult, blocks_needed
from bench.formatting import plural

_MAX_UNDECIDED = 3  # comparisons that are listed for each gate
_MAX_BLOCKS = 200  # per run; a longer run than that is not practical
_UNJUDGED = (
    "no comparison can be judged, because figures are invalid, blocks are too few, or the machine drifted too far; "
    "measure again, or with more blocks"
)
_REMEDY = (
    "is undecided: measure more blocks, or both servers in one run; judge one server (--arm), or pass the condition "
    "(--allow-undecided)"
)


def summarise_gate(gate: GateResult) -> str:
    """Return the outcome of a gate, and in how many comparisons."""
    count = plural(len(gate.comparisons), "comparison")
    doubt = f"{len(gate.undecided)} of {count} cannot exclude such a change"
    if not gate.is_judged:
        doubt = f"none of {count} can be judged"
    texts = {
        GateOutcome.BROKEN: f"fails in {plural(len(gate.broken) + len(gate.missing), 'case')}",
        GateOutcome.UNDECIDED: f"undecided: {doubt}",
        GateOutcome.PASSED: f"passes in {count}",
    }
    return f"gate {gate.rule} {texts[gate.outcome]}"  # on a page, the first letter is a capital one


def describe_gate(gate: GateResult, names: Sequence[str]) -> list[str]:
    """Return which changes a gate can detect, what breaks it, and where it is undecided."""
    lines = [_describe_power(gate)]
    lines += [f"broken: {describe_case(change)}" for change in gate.broken]
    lines += [f"broken: {text}" for text in describe_missing(gate.missing, names, [gate.rule.metric])]
    for change in gate.undecided[:_MAX_UNDECIDED]:
        lines.append(f"undecided: {describe_case(change)}{_describe_doubt(change, gate)}")
    if (more := len(gate.undecided) - _MAX_UNDECIDED) > 0:
        lines.append(f"undecided: {plural(more, 'more comparison')} (--json lists all)")
    if gate.outcome == GateOutcome.UNDECIDED and gate.is_judged:
        lines.append(f"gate {gate.rule} {_REMEDY}")
    return lines


def _describe_power(gate: GateResult) -> str:
    if not gate.is_judged:
        return f"gate {gate.rule}: {_UNJUDGED}"
    shares = gate.detectable_shares
    if not shares or math.isinf(shares[0]):
        return f"gate {gate.rule}: no comparison can detect any change; measure more blocks"
    ends = dict.fromkeys(_describe_share(share) for share in (shares[0], shares[-1]))
    return f"gate {gate.rule}: the smallest detectable change is {' to '.join(ends)}"


def _describe_doubt(change: Change, gate: GateResult) -> str:
    if not change.is_judged:
        return "; its values are invalid, the machine drifted too far, or it has too few blocks"
    blocks = blocks_needed(change, gate.rule)
    seen = f"; it detects changes from {_describe_share(change.detectable_share)} on"
    if math.isnan(blocks) or blocks <= change.blocks:
        return seen
    needed = f"about {blocks:.0f}" if blocks <= _MAX_BLOCKS else f"more than {_MAX_BLOCKS}"
    return f"{seen}, and {needed} blocks in each run would detect {_describe_share(abs(gate.rule.share))}"


def _describe_share(share: float) -> str:
    if math.isinf(share):
        return "unbounded"
    return f"{100 * share:.0f}%" if share >= 0.0995 else f"{100 * share:.1f}%"

"""The wordings of the first sentences, one set for each kind of question.

Each wording is a whole sentence with named places, so that it can be translated as a whole. ``lead`` is one of
``Wording.leads``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.schema.metrics import ScenarioKind


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences about one kind of question.

    alone: one server is best, and the lead is worth acting upon. small: its lead is below ``MIN_ADVICE_SHARE``.
    doubtful: the figures are suspect. together: several share the first place, and others are behind. equal: no
    difference was found. leads: the lead in percent, and as a factor for large ones.
    """

    alone: str
    small: str
    doubtful: str
    together: str
    equal: str
    leads: tuple[str, str]


WORDINGS: Mapping[ScenarioKind, Wording] = {
    ScenarioKind.CAPACITY: Wording(
        alone="{condition}, {best} serves most over {transport}, {lead}: use {best} if requests per second decide.",
        small="{condition}, {best} serves most over {transport}, but only {lead}.",
        doubtful="{condition}, {best} seems to serve most over {transport}, {lead}, but these figures are doubtful.",
        together="{condition}, {best} serve most over {transport}, {lead}; no difference was found between them.",
        equal="{condition}, no difference was found over {transport} between {best} in requests per second{floor}.",
        leads=("{percent}% more than {next}", "{factor} times as much as {next}"),
    ),
    ScenarioKind.SESSIONS: Wording(
        alone="{condition}, {best} serves most sessions over {transport}, {lead}: use {best} if clients come and go.",
        small="{condition}, {best} serves most sessions over {transport}, but only {lead}.",
        doubtful=(
            "{condition}, {best} seems to serve most sessions over {transport}, {lead}, but these figures are doubtful."
        ),
        together=(
            "{condition}, {best} serve most sessions over {transport}, {lead}; no difference was found between them."
        ),
        equal="{condition}, no difference was found over {transport} between {best} in sessions per second{floor}.",
        leads=("{percent}% more than {next}", "{factor} times as many as {next}"),
    ),
    ScenarioKind.MIXED: Wording(
        alone=(
            "{condition}, {best} answers {population} requests soonest over {transport}; the slowest 1% of them take "
            "{lead}: use {best} if such delays decide."
        ),
        small=(
            "{condition}, {best} answers {population} requests soonest over {transport}, but the slowest 1% of them "
            "take only {lead}."
        ),
        doubtful=(
            "{condition}, {best} seems to answer {population} requests soonest over {transport}; the slowest 1% of "
            "them take {lead}, but these figures are doubtful."
        ),
        together=(
            "{condition}, {best} answer {population} requests soonest over {transport}; the slowest 1% of them take "
            "{lead}; no difference was found between the first."
        ),
        equal=(
            "{condition}, no difference was found over {transport} between {best} in the time of the slowest 1% of "
            "{population} requests{floor}."
        ),
        leads=("{percent}% longer with {next}", "{factor} times as long with {next}"),
    ),
    ScenarioKind.LATENCY: Wording(
        alone=(
            "{condition}, {best} needs the least CPU time over {transport}; {next} needs {lead}: "
            "use {best} if CPU time decides."
        ),
        small="{condition}, {best} needs the least CPU time over {transport}, but {next} needs only {lead}.",
        doubtful=(
            "{condition}, {best} seems to need the least CPU time over {transport}; {next} needs {lead}, but these "
            "figures are doubtful."
        ),
        together=(
            "{condition}, {best} need the least CPU time over {transport}; {next} needs {lead}; "
            "no difference was found between the first."
        ),
        equal="{condition}, no difference was found over {transport} between {best} in CPU time{floor}.",
        leads=("{percent}% more", "{factor} times as much"),
    ),
}
FLOOR = ", and differences below {percent}% may be noise in this run"
DO_NOTHING = "For handlers that do nothing"
UDP_LEADS = ("{percent}% more over UDP than over TCP", "{factor} times as much over UDP as over TCP")
UDP_GAINS = "{condition}, {gainers} serve more over UDP: {most} serves {lead}."
UDP_GAINS_ONE = "{condition}, {most} serves {lead}."
UDP_LOSES = "{condition}, {losers} serve less over UDP than over TCP: {least} keeps only {percent}%."
UDP_LOSES_ONE = "{condition}, {least} serves less over UDP than over TCP: it keeps only {percent}%."
UDP_BOTH = "{condition}, {most} serves {lead}, but {losers} serve less: {least} keeps only {percent}%."
UDP_BOTH_ONE = "{condition}, {most} serves {lead}, but {least} serves less: it keeps only {percent}%."


def udp_sentence(gainers: int, losers: int) -> str:
    """Return the sentence about UDP, by the numbers of models that serve more and less over it; "" for none."""
    if gainers and losers:
        return UDP_BOTH if losers > 1 else UDP_BOTH_ONE
    if gainers:
        return UDP_GAINS if gainers > 1 else UDP_GAINS_ONE
    if losers:
        return UDP_LOSES if losers > 1 else UDP_LOSES_ONE
    return ""

"""The wordings of the first sentences, one set for each kind of question.

Each wording is a whole sentence with named places, so that it can be translated as a whole. ``lead`` is one of
``Wording.leads``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.schema.metrics import ScenarioKind
from bench.translation import N_


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences about one kind of question.

    alone: one server is best, and the lead is worth acting upon. small: its lead is below ``MIN_ADVICE_SHARE``.
    doubtful: the figures are suspect. together: several share the first place, and others are behind. equal: no
    difference was found between all. same: it is known to be small. ties: the ends of ``together``, if no difference
    was found between the first, and if it is known to be small. leads: the lead in percent, and as a factor for large
    ones.
    """

    alone: str
    small: str
    doubtful: str
    together: str
    equal: str
    same: str
    ties: tuple[str, str]
    leads: tuple[str, str]


TIES_OF_THEM = (
    N_("no difference was found between them"),
    N_("they are equal: their difference is known to be small"),
)
TIES_OF_FIRST = (
    N_("no difference was found between the first"),
    N_("the first are equal: their difference is known to be small"),
)
WORDINGS: Mapping[ScenarioKind, Wording] = {
    ScenarioKind.CAPACITY: Wording(
        alone=N_("{condition}, {best} serves most over {transport}, {lead}: use {best} if requests per second decide."),
        small=N_("{condition}, {best} serves most over {transport}, but only {lead}."),
        doubtful=N_("{condition}, {best} may serve most over {transport}, {lead}, but these figures are doubtful."),
        together=N_("{condition}, {best} serve most over {transport}, {lead}; {tie}."),
        equal=N_("{condition}, no difference was found over {transport} between {best} in requests per second{floor}."),
        same=N_(
            "{condition}, {best} are equal over {transport} in requests per second: their difference is known to be "
            "small."
        ),
        ties=TIES_OF_THEM,
        leads=(N_("{percent}% more than {next}"), N_("{factor} times as much as {next}")),
    ),
    ScenarioKind.SESSIONS: Wording(
        alone=N_(
            "{condition}, {best} serves most sessions over {transport}, {lead}: use {best} if clients come and go."
        ),
        small=N_("{condition}, {best} serves most sessions over {transport}, but only {lead}."),
        doubtful=(
            N_("{condition}, {best} may serve most sessions over {transport}, {lead}, but these figures are doubtful.")
        ),
        together=N_("{condition}, {best} serve most sessions over {transport}, {lead}; {tie}."),
        equal=N_("{condition}, no difference was found over {transport} between {best} in sessions per second{floor}."),
        same=N_(
            "{condition}, {best} are equal over {transport} in sessions per second: their difference is known to be "
            "small."
        ),
        ties=TIES_OF_THEM,
        leads=(N_("{percent}% more than {next}"), N_("{factor} times as many as {next}")),
    ),
    ScenarioKind.MIXED: Wording(
        alone=(
            N_(
                "{condition}, {best} answers {population} requests soonest over {transport}; the slowest "
                "hundredth of them take {lead}: use {best} if such delays decide."
            )
        ),
        small=(
            N_(
                "{condition}, {best} answers {population} requests soonest over {transport}, but the "
                "slowest hundredth of them take only {lead}."
            )
        ),
        doubtful=(
            N_(
                "{condition}, {best} may answer {population} requests soonest over {transport}; the "
                "slowest hundredth of them take {lead}, but these figures are doubtful."
            )
        ),
        together=(
            N_(
                "{condition}, {best} answer {population} requests soonest over {transport}; the slowest "
                "hundredth of them take {lead}; {tie}."
            )
        ),
        equal=(
            N_(
                "{condition}, no difference was found over {transport} between {best} in the time of the "
                "slowest hundredth of {population} requests{floor}."
            )
        ),
        same=(
            N_(
                "{condition}, {best} are equal over {transport} in the time of the slowest hundredth of {population} "
                "requests: their difference is known to be small."
            )
        ),
        ties=TIES_OF_FIRST,
        leads=(N_("{percent}% longer with {next}"), N_("{factor} times as long with {next}")),
    ),
    ScenarioKind.LATENCY: Wording(
        alone=(
            N_(
                "{condition}, {best} needs the least CPU time over {transport}; {next} needs {lead}: use "
                "{best} if CPU time decides."
            )
        ),
        small=N_("{condition}, {best} needs the least CPU time over {transport}, but {next} needs only {lead}."),
        doubtful=(
            N_(
                "{condition}, {best} may need the least CPU time over {transport}; {next} needs "
                "{lead}, but these figures are doubtful."
            )
        ),
        together=N_("{condition}, {best} need the least CPU time over {transport}; {next} needs {lead}; {tie}."),
        equal=N_("{condition}, no difference was found over {transport} between {best} in CPU time{floor}."),
        same=N_("{condition}, {best} are equal over {transport} in CPU time: their difference is known to be small."),
        ties=TIES_OF_FIRST,
        leads=(N_("{percent}% more"), N_("{factor} times as much")),
    ),
}
AT_LIMIT = N_(
    "{condition}, {best} serves most over {transport}, {lead}: use {best} if the server works at its limit; {load}, "
    "{cheaper} needs less CPU time."
)
AT_LIMIT_SEVERAL = N_(
    "{condition}, {best} serves most over {transport}, {lead}: use {best} if the server works at its limit; {load}, "
    "{cheaper} need less CPU time."
)
AT_RATE = N_("at {rate_rps:,.0f} requests/s from {clients} clients")
AT_LOWER_RATE = N_("at a lower rate")
FLOOR = N_(", and differences below {percent}% may be noise in this run")
DO_NOTHING = N_("For handlers that do nothing")
WITH_CLIENTS = N_("{condition}, with {clients} clients")
AT_THE_RATE = N_("At a given rate")
AT_THE_LOWEST_RATE = N_("At the lowest given rate")
AT_THE_HIGHEST_RATE = N_("At the highest given rate")
UDP_LEADS = (N_("{percent}% more over UDP than over TCP"), N_("{factor} times as much over UDP as over TCP"))
UDP_GAINS = N_("{condition}, {gainers} serve more over UDP: {most} serves {lead}.")
UDP_GAINS_ONE = N_("{condition}, {most} serves {lead}.")
UDP_LOSES = N_("{condition}, {losers} serve less over UDP than over TCP: {least} keeps only {percent}%.")
UDP_LOSES_ONE = N_("{condition}, {least} serves less over UDP than over TCP: it keeps only {percent}%.")
UDP_BOTH = N_("{condition}, {most} serves {lead}, but {losers} serve less.")
UDP_BOTH_ONE = N_("{condition}, {most} serves {lead}, but {least} serves less.")


def udp_sentence(gainers: int, losers: int) -> str:
    """Return the sentence about UDP, by the numbers of models that serve more and less over it; "" for none."""
    if gainers and losers:
        return UDP_BOTH if losers > 1 else UDP_BOTH_ONE
    if gainers:
        return UDP_GAINS if gainers > 1 else UDP_GAINS_ONE
    if losers:
        return UDP_LOSES if losers > 1 else UDP_LOSES_ONE
    return ""

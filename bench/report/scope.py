"""Sentences on the limits of a run: how many of its figures are valid, and which loads it did not measure. Pure."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.cases import text
from bench.formatting import join_words
from bench.report.questions import Question
from bench.schema.arms import Arm
from bench.schema.load_time import SHOWN_SHARE, LoadTime
from bench.schema.metrics import ScenarioKind, headline
from bench.translation import N_, gettext, ngettext
from clients.quality_codes import INVALID, SUSPECT, VALID

WAITING_PRESET, AT_ONCE_PRESET = "waiting", "pollers"  # the presets with the most clients
MOST_CLIENTS = {WAITING_PRESET: 1000, AT_ONCE_PRESET: 900}

_ALL_VALID = N_("All {count} results that the scenarios ask for are valid.")
_NOT_ALL_VALID = N_("Of {count} results that the scenarios ask for, {valid} are valid; see the caveats of {scenarios}.")
_DISTURBED = N_("Other programs disturbed rounds, which were measured again; they took {percent}% of the time.")
_LARGER = N_("Not measured: more than {clients} whose handlers {what}. The preset {preset} measures up to {most:,}.")
_PRESETS = N_(
    "The preset {waiting} measures up to {most_waiting:,} connections with handlers that "
    "wait, the preset {at_once} up to {most_at_once:,} with handlers that reply at once."
)
_NO_WAITING = N_(
    "Not measured: handlers that wait, as for a database. The preset {preset} measures up to {most:,} clients."
)


def trust_sentence(summary: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return how many of the figures that the scenarios ask for first are valid; "" if there is none.

    Figures of controls and of the baseline do not count.
    """
    if summary.empty:
        return ""
    measured = summary[(summary["status"] == "ok") & summary["verdict"].isin((VALID, SUSPECT, INVALID))]
    asked = measured[measured["metric"] == measured["scenario_kind"].map(lambda kind: headline(str(kind)))]
    asked = asked[asked["arm"].map(lambda arm: Arm.parse(str(arm)).competes).astype(bool)]
    if not trials.empty:  # a scenario asks about its first population
        first = trials.drop_duplicates("scenario").set_index("scenario")["population"].map(text)
        asked = asked[asked["population"].map(text) == asked["scenario"].map(first).fillna("")]
    doubtful = asked[asked["verdict"] != VALID]
    if asked.empty:
        return ""
    if doubtful.empty:
        return gettext(_ALL_VALID, count=len(asked))
    scenarios = join_words(dict.fromkeys(doubtful["scenario"].astype(str)))
    return gettext(_NOT_ALL_VALID, count=len(asked), valid=len(asked) - len(doubtful), scenarios=scenarios)


def noise_line(noise_floor: str) -> str:
    """Return the line on the noise floor. noise_floor: as text; empty without a valid control."""
    if not noise_floor:
        return gettext("Noise floor: not known, because no valid control compared a server with itself.")
    return gettext(
        "Noise floor: a server differed from itself by at most {noise_floor}; less may be noise.",
        noise_floor=noise_floor,
    )


def caveats_line(trust: str, load_time: LoadTime | None, not_measured: Sequence[str]) -> str:
    """Return the line on caveats: doubtful figures, disturbed rounds, and loads that were not measured."""
    share = load_time.repeated_share if load_time else 0.0
    percent = f"{100 * share:.0f}"
    disturbed = gettext(_DISTURBED, percent=percent) if share >= SHOWN_SHARE else ""
    sentences = list(filter(None, (trust, disturbed, *not_measured)))
    return gettext("Caveats: {sentences}", sentences=" ".join(sentences)) if sentences else ""


def scope_sentences(asked: Sequence[Question]) -> list[str]:
    """Return the loads that a reader may need and that were not measured, with the preset that measures them."""
    capacity = [question for question in asked if question.kind == ScenarioKind.CAPACITY]
    if not capacity:
        return []
    waiting = [question.clients for question in capacity if question.waits]
    at_once = [question.clients for question in capacity if question.replies_at_once]
    sentences = []
    for counts, preset, what in (
        (at_once, AT_ONCE_PRESET, gettext("do nothing")),
        (waiting, WAITING_PRESET, gettext("wait")),
    ):
        most = MOST_CLIENTS[preset]
        if counts and max(counts) < most:
            clients = ngettext("{count} client", "{count} clients", max(counts))
            sentences.append(gettext(_LARGER, clients=clients, what=what, preset=preset, most=most))
    if not waiting:
        sentences.append(gettext(_NO_WAITING, preset=WAITING_PRESET, most=MOST_CLIENTS[WAITING_PRESET]))
    return sentences


def larger_presets() -> str:
    """Return which presets measure the most connections."""
    return gettext(
        _PRESETS,
        waiting=WAITING_PRESET,
        most_waiting=MOST_CLIENTS[WAITING_PRESET],
        at_once=AT_ONCE_PRESET,
        most_at_once=MOST_CLIENTS[AT_ONCE_PRESET],
    )

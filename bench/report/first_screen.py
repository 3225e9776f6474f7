"""The beginning of a report: a few sentences, a small table of servers by questions, and three lines on trust. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.report.answers import noise_floor, of_first_populations
from bench.report.disturbed_servers import disturbance_sentences, memory_sentences
from bench.report.facts import machine_line
from bench.report.headlines import MAX_SENTENCES, headlines
from bench.report.phase_sentences import phase_sentences
from bench.report.questions import questions
from bench.report.scope import caveats_line, noise_line, scope_sentences, trust_sentence
from bench.report.scorecard import Scorecard, scorecard
from bench.schema.load_time import LoadTime


@dataclass(frozen=True, slots=True)
class Note:
    """A line below the table. place: of its details, as the anchor of a heading of the page."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """The sentences and the table. Both are empty if nothing could be compared.

    sentences: at most ``MAX_SENTENCES``, each with at most one figure and without brackets. notes: one line each on the
    noise floor, on the machine, and on caveats.
    """

    sentences: list[str]
    scorecard: Scorecard
    notes: list[Note]


def first_screen(
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    unranked: Sequence[str] = (),
    recovery: pd.DataFrame | None = None,
    environment: Mapping[str, Any] | None = None,
    load_time: LoadTime | None = None,
    network: str = "",
    generators: str = "",
) -> FirstScreen:
    """Return the beginning of a report.

    unranked: models that are not ranked. recovery: how often each arm recovered from each overload. load_time: unknown
    without one. network: a sentence on its noise, of a run over several machines. generators: line on load generators
    that fell behind.
    """
    asked = of_first_populations(comparisons, trials)
    # A plan with phases or slow clients asks about these; capacities are background there.
    sentences = [*phase_sentences(summary, trials, recovery), *disturbance_sentences(summary, trials)]
    sentences += headlines(summary, asked, trials, unranked, MAX_SENTENCES - len(sentences))
    sentences += memory_sentences(summary, trials)
    not_measured = scope_sentences(questions(asked, trials)) if len(asked) and len(trials) else []
    notes = [
        Note(noise_line(noise_floor(comparisons)) if len(summary) else "", "caveats"),
        Note(network, "preflight"),
        Note(generators, "caveats"),
        Note(machine_line(environment or {}), "machine"),
        Note(caveats_line(trust_sentence(summary, trials), load_time, not_measured), "caveats"),
    ]
    return FirstScreen(
        sentences[:MAX_SENTENCES],
        scorecard(summary, asked, trials, unranked),
        [note for note in notes if note.text],
    )

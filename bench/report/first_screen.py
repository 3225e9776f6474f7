"""The beginning of a report: a few sentences, and a small table of servers by questions. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.report.answers import of_first_populations
from bench.report.disturbed_servers import disturbance_sentences
from bench.report.headlines import headlines
from bench.report.phase_sentences import phase_sentences
from bench.report.questions import questions
from bench.report.scope import scope_sentences, trust_sentence
from bench.report.scorecard import Scorecard, scorecard


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """The sentences and the table. Both are empty if nothing could be compared.

    notes: sentences on how far the run can be trusted, and on what it did not measure.
    """

    sentences: list[str]
    scorecard: Scorecard
    notes: list[str]


def first_screen(
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    unranked: Sequence[str] = (),
    recovery: pd.DataFrame | None = None,
) -> FirstScreen:
    """Return the beginning of a report.

    unranked: models that are not ranked. recovery: how often each arm recovered from each overload.
    """
    asked = of_first_populations(comparisons, trials)
    sentences = [
        *headlines(summary, asked, trials, unranked),
        *disturbance_sentences(summary, trials),
        *phase_sentences(summary, trials, recovery),
    ]
    trust = trust_sentence(summary, trials)
    not_measured = scope_sentences(questions(asked, trials)) if len(asked) and len(trials) else []
    notes = [*filter(None, [trust]), *not_measured]
    return FirstScreen(sentences, scorecard(summary, asked, trials, unranked), notes)

"""The small table at the top of a report: servers by questions, each with how far it is behind the best one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis.cases import rows_at
from bench.analysis.comparisons import noise_floor_at
from bench.formatting import format_percent, format_ratio
from bench.report.content import Cell
from bench.report.questions import Question, questions
from bench.report.standings import Standing, standings
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.metrics import ScenarioKind
from bench.translation import gettext
from clients.quality_codes import INVALID

BEST, NOT_MEASURED = "best", "-"


@dataclass(frozen=True, slots=True)
class Column:
    """One question over one transport."""

    question: str
    transport: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The table: for each server a cell in each column.

    The style of a cell is ``best``, ``behind`` or empty. Its text states the same in words.
    """

    columns: list[Column]
    rows: list[tuple[str, list[Cell]]]
    noise: list[str] = field(default_factory=list)  # the noise floor of each column; "-" without a control

    @property
    def questions(self) -> list[tuple[str, int]]:
        """The questions, each with its number of columns."""
        names = [column.question for column in self.columns]
        return [(name, names.count(name)) for name in dict.fromkeys(names)]


def scorecard(
    summary: pd.DataFrame, comparisons: pd.DataFrame, trials: pd.DataFrame, unranked: Sequence[str] = ()
) -> Scorecard:
    """Return the table; without rows if nothing was compared.

    comparisons: about the first population of each scenario. unranked: models that are not ranked.
    """
    columns: list[Column] = []
    noise: list[str] = []
    cells: dict[str, dict[int, Cell]] = {}
    for question in questions(comparisons, trials) if len(comparisons) and len(trials) else ():
        standing_of = standings(question, comparisons, unranked)
        measured = _measured(summary, question)
        for transport in ("tcp", "udp"):
            arms = [arm for arm in map(Arm.parse, measured) if arm.transport == transport]
            if not any(arm.name in standing_of for arm in arms):
                continue
            for arm in arms:
                cell = _cell(standing_of.get(arm.name), measured[arm.name], arm.label in unranked)
                cells.setdefault(arm.label, {})[len(columns)] = cell
            columns.append(Column(_heading(question), transport.upper()))
            noise.append(_noise(question, comparisons))
    rows = [
        (label, [of_label.get(index, Cell(NOT_MEASURED)) for index in range(len(columns))])
        for label, of_label in cells.items()
    ]
    return Scorecard(columns, sorted(rows, key=lambda row: (-_bests(row[1]), row[0])), noise)


def _bests(cells: Sequence[Cell]) -> int:
    return sum(cell.style == BEST for cell in cells)


def _noise(question: Question, comparisons: pd.DataFrame) -> str:
    share = noise_floor_at(question.load_point, question.metric, comparisons)
    return NOT_MEASURED if share is None else format_percent(share)


def _measured(summary: pd.DataFrame, question: Question) -> dict[str, str]:
    """Return the verdict on each competing arm's figure; an empty one if there is no figure."""
    rows = rows_at(summary[summary["metric"] == question.metric], question.load_point)
    verdicts = {
        str(row["arm"]): str(row["verdict"]) if row["status"] == "ok" else "" for row in rows.to_dict("records")
    }
    return {arm: verdict for arm, verdict in verdicts.items() if Arm.parse(arm).competes}


def _cell(standing: Standing | None, verdict: str, is_unranked: bool) -> Cell:
    if standing is None:
        if verdict == INVALID:
            return Cell(in_words(INVALID))
        return Cell(gettext("not ranked") if verdict and is_unranked else NOT_MEASURED)
    if standing.is_best:
        if standing.alone or standing.equivalent:
            return Cell(gettext("best") if standing.alone else gettext("equal to the best"), BEST)
        return Cell(gettext("no difference found"))
    return Cell(gettext("{factor} times behind", factor=format_ratio(standing.times_behind)), "behind")


def _heading(question: Question) -> str:
    """Return a short heading: ``handler waits 5 ms: requests/s``."""
    figure = {
        ScenarioKind.MIXED: gettext("p99 of {population} requests", population=question.population.replace("_", " ")),
        ScenarioKind.LATENCY: gettext("CPU time per request"),
        ScenarioKind.SESSIONS: gettext("sessions/s"),
    }.get(question.kind, gettext("requests/s"))
    condition = question.condition.removeprefix(gettext("When the ")).partition(" (")[0]
    return f"{condition[:1].lower()}{condition[1:]}: {figure}"

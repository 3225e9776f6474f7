"""The small table at the top of a report: servers by questions, each with how far it is behind the best one. Pure."""

import math
from collections.abc import Mapping, Sequence
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
from clients.quality_codes import INVALID, VALID, worst_verdict

BEST, NOT_MEASURED = "best", "-"


@dataclass(frozen=True, slots=True)
class Column:
    """One question over one transport."""

    question: str
    transport: str


@dataclass(frozen=True, slots=True)
class _Figure:
    """The figure of an arm in a column, with the verdict on it."""

    median: float = math.nan
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The table: for each server a cell in each column.

    The style of a cell is ``best``, ``behind``, empty, or the verdict on a figure that is not valid. Its text
    states the same in words.
    """

    columns: list[Column]
    rows: list[tuple[str, list[Cell]]]
    noise: list[str] = field(default_factory=list)  # the noise floor of each column; "-" without a control
    unranked: list[str] = field(default_factory=list)  # measured servers without a rank in any column

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
    measured_labels: set[str] = set()
    for question in questions(comparisons, trials) if len(comparisons) and len(trials) else ():
        standing_of = standings(question, comparisons, unranked)
        measured = _measured(summary, question)
        for transport in ("tcp", "udp"):
            arms = [arm for arm in map(Arm.parse, measured) if arm.transport == transport]
            if not any(arm.name in standing_of for arm in arms):
                continue
            leader = _leader({arm.name: measured[arm.name] for arm in arms}, standing_of, question.more_is_better)
            for arm in arms:
                figure = measured[arm.name]
                if (standing := standing_of.get(arm.name)) is None:
                    cell = Cell(in_words(INVALID) if figure.verdict == INVALID else NOT_MEASURED)
                    measured_labels |= {arm.label} if figure.verdict else set()
                else:
                    cell = _cell(arm.name, standing, figure.verdict, leader)
                cells.setdefault(arm.label, {})[len(columns)] = cell
            columns.append(Column(_heading(question), transport.upper()))
            noise.append(_noise(question, comparisons))
    without_rank = sorted(measured_labels.intersection(unranked))
    rows = [
        (label, [of_label.get(index, Cell(NOT_MEASURED)) for index in range(len(columns))])
        for label, of_label in cells.items()
        if label not in without_rank
    ]
    return Scorecard(columns, sorted(rows, key=lambda row: (-_bests(row[1]), row[0])), noise, without_rank)


def _bests(cells: Sequence[Cell]) -> int:
    return sum(cell.style == BEST for cell in cells)


def _noise(question: Question, comparisons: pd.DataFrame) -> str:
    share = noise_floor_at(question.load_point, question.metric, comparisons)
    return NOT_MEASURED if share is None else format_percent(share)


def _measured(summary: pd.DataFrame, question: Question) -> dict[str, _Figure]:
    """Return the figure of each competing arm; one without a verdict if nothing was measured."""
    rows = rows_at(summary[summary["metric"] == question.metric], question.load_point)
    figures = {
        str(row["arm"]): _Figure(float(row["median"]), str(row["verdict"])) if row["status"] == "ok" else _Figure()
        for row in rows.to_dict("records")
    }
    return {arm: figure for arm, figure in figures.items() if Arm.parse(arm).competes}


def _leader(figures: Mapping[str, _Figure], standing_of: Mapping[str, Standing], more_is_better: bool) -> str:
    """Return the arm that is called best: of several equal ones, the one with the best median. "" if none is known.

    figures: of one transport.
    """
    best = [arm for arm in figures if arm in standing_of and standing_of[arm].is_best]
    known = [arm for arm in best if not math.isnan(figures[arm].median)]
    sign = -1 if more_is_better else 1
    first = min(known, key=lambda arm: (sign * figures[arm].median, arm), default="")
    if not first or not (standing_of[first].alone or standing_of[first].equivalent):
        return ""
    return first


def _cell(arm: str, standing: Standing, verdict: str, leader: str) -> Cell:
    """Return the cell of an arm that was ranked. leader: the arm that is called best."""
    if not standing.is_best:
        text, style = gettext("{factor} times behind", factor=format_ratio(standing.times_behind)), "behind"
    elif arm == leader:
        text, style = gettext("best"), BEST
    elif leader and standing.equivalent:
        text, style = gettext("equal to the best"), BEST
    else:
        text, style = gettext("no difference found"), ""
    doubt = worst_verdict((verdict, standing.verdict))
    if doubt in ("", VALID):
        return Cell(text, style)
    return Cell(gettext("{text}, {doubt}", text=text, doubt=in_words(doubt)), doubt)


def _heading(question: Question) -> str:
    """Return a short heading: ``handler waits 5 ms: requests/s``."""
    figure = {
        ScenarioKind.MIXED: gettext("p99 of {population} requests", population=question.population.replace("_", " ")),
        ScenarioKind.LATENCY: gettext("CPU time per request"),
        ScenarioKind.SESSIONS: gettext("sessions/s"),
    }.get(question.kind, gettext("requests/s"))
    condition = question.condition.removeprefix(gettext("When the ")).partition(" (")[0]
    return f"{condition[:1].lower()}{condition[1:]}: {figure}"

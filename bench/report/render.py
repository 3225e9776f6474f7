"""Render report.md and report.html.

The answers come first, then what a reader needs to check, doubt or repeat them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jinja2
import pandas as pd

from bench.analysis.rankings import unranked_models
from bench.analysis.server_settings import SERVER_SETTINGS, server_settings, unequal_settings
from bench.report import facts
from bench.report.answers import Answer, answers, noise_floor, of_first_populations, search_answers
from bench.report.caveats import ScenarioCaveats, advice, collect_caveats
from bench.report.content import COMPARISON_HEADINGS, Picture, Section, comparison_rows, sections, table_views
from bench.report.first_screen import FirstScreen
from bench.report.html_pages import html_templates, models_of, text_templates
from bench.report.measured_handlers import measured_handlers, offered_values
from bench.report.model_chooser import bar, choices, highest_rates, measured_range
from bench.report.preflight_rows import preflight_rows
from bench.report.scope import larger_presets
from bench.report.tables import ResultTable
from bench.report.terms import all_terms, code_terms, model_terms
from bench.report.udp_price import udp_notes
from bench.schema.arms import Arm
from bench.schema.load_time import LoadTime
from bench.translation import N_, gettext, translate_line
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds

SCORECARD_CAPTION = N_(
    "How far each server is behind the best one. In a round, every server is under load once, in random order; a block "
    "is a repetition of the run with freshly started servers. A factor is the ratio of two servers in the same round, "
    "or in the same block for the p99 of requests beside others: both servers meet the same machine there, so it is "
    "not the quotient of two figures in the tables. Best: of servers that are equal, the one with the best median. "
    "Equal: the difference is known to be small. No difference found: none that is significant and beyond the noise "
    "floor, by which a server differs from itself. Suspect: a quality check doubts the figure of this server, or of "
    "one that is ahead of it."
)
NO_ANSWER = N_("No comparison is possible: no block measured both a server and its reference.")


@dataclass(frozen=True, slots=True)
class RunContext:
    """Facts about a run that a report prints besides its figures."""

    environment: Mapping[str, Any]
    plan: Mapping[str, Any]
    objectives: Sequence[str] = ()  # of its searches for a max rate
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    started_at: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # CSV files that the page contains, by name
    load_time: LoadTime | None = None  # None: unknown


@dataclass(frozen=True, slots=True)
class Results:
    """The figures of a run."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    trials: pd.DataFrame
    tables: Sequence[ResultTable]
    remarks: Mapping[str, str] = field(default_factory=dict)  # on charts that were left out, by scenario


@dataclass(frozen=True, slots=True)
class Page:
    """A report without its charts. Everything else is computed, so that this overlaps with the drawing of charts.

    content: what the templates show besides the sections.
    """

    content: Mapping[str, Any]
    sections: Callable[[Sequence[Picture]], list[Section]]
    markdown: jinja2.Template
    html: jinja2.Template

    def render(self, pictures: Sequence[Picture]) -> tuple[str, str]:
        """Return the report as Markdown, and as an HTML page that needs no other file."""
        of_charts = {"pictures": pictures, "models": models_of(pictures), "sections": self.sections(pictures)}
        content = {**self.content, **of_charts}
        return self.markdown.render(content), self.html.render(content)


def page_without_charts(results: Results, run: RunContext, first: FirstScreen) -> Page:
    """Return the page of a run, to which the charts are added when they are drawn."""
    summary, comparisons, trials = results.summary, results.comparisons, results.trials
    caveats = collect_caveats(summary, trials, run.thresholds, own_cpus=facts.generator_has_own_cpus(run.environment))
    views = table_views(results.tables, trials, comparisons)
    content = _content(results, run, caveats) | {
        "sentences": first.sentences,
        "notes": first.notes,
        "scorecard_caption": gettext(SCORECARD_CAPTION),
        "scorecard": first.scorecard,
    }
    markdown = text_templates(escaping=False)
    markdown.filters["md"] = escape
    markdown.filters["slug"] = _slug
    page = html_templates()
    page.filters["bar"] = bar
    return Page(
        content,
        lambda pictures: sections(run.plan, results.tables, views, pictures, caveats, trials, results.remarks),
        markdown.get_template("report.md.j2"),
        page.get_template("report.html.j2"),
    )


def _slug(heading: str) -> str:
    """Return the anchor that viewers of Markdown give a heading."""
    return heading.lower().replace(" ", "-")


def escape(value: object) -> str:
    """Return text as Markdown that shows exactly that text.

    The result is one line, so that it fits into a table too.
    """
    text = " ".join(str(value).split())
    text = re.sub(r"([\\`*\[\]<>|#~!$])", r"\\\1", text).replace("&", "&amp;")
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # an underscore inside a word needs no escape


def _content(results: Results, run: RunContext, caveats: Mapping[str, ScenarioCaveats]) -> dict[str, Any]:
    """Return everything that a template shows besides the sections."""
    summary, comparisons, trials = results.summary, results.comparisons, results.trials
    unranked = unranked_models(trials)
    asked = of_first_populations(comparisons, trials)
    statements = [*answers(asked, unranked, trials), *search_answers(summary, unranked)]
    cases = choices(of_first_populations(summary, trials), measured_handlers(trials))
    handlers = [choice.handlers for choice in cases]
    started = facts.format_start(run.started_at)
    return {
        "answer": statements[0] if statements else Answer("", gettext(NO_ANSWER)),
        "more_answers": statements[1:],
        "noise_floor": noise_floor(comparisons),
        "unranked": unranked,
        "udp_notes": udp_notes(trials),
        "run_facts": facts.run_facts(run.environment, run.plan, trials, started, run.load_time),
        "files": run.files,
        "choices": cases,
        "offered_work": offered_values(handlers),
        "has_idle": any(each.idle_connections for each in handlers),
        "highest_rates": highest_rates(cases),
        "measured_range": measured_range(cases),
        "larger_presets": larger_presets(),
        "comparisons": comparison_rows(comparisons),
        "settings_columns": [gettext("server"), *SERVER_SETTINGS],
        "server_settings": [[Arm.parse(arm).display_name, *values] for arm, *values in server_settings(trials)],
        "unequal": unequal_settings(trials),
        "advice": advice(caveats.values(), run.thresholds),
        "has_gaps": any(of_scenario.gaps for of_scenario in caveats.values()),
        "thresholds": list(map(translate_line, run.thresholds.changed())),
        "objectives": run.objectives,
        "preflight": preflight_rows(run.environment),
        "machine": facts.machine_facts(run.environment),
        "plan": facts.plan_facts(run.plan),
        "comparison_columns": [gettext(heading) for heading in COMPARISON_HEADINGS],
        "terms": [*all_terms(), *model_terms(trials), *code_terms(caveats.values(), run.thresholds)],
        "plan_name": str(run.plan.get("name", facts.UNKNOWN)),
        "question": gettext(str(run.plan.get("question", ""))),
        "seed": run.plan.get("seed", facts.UNKNOWN),
        "command": facts.command_line(run.environment),
    }

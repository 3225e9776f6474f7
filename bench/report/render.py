"""report.md and report.html: the answer in words, then what is needed to believe it, to doubt it and to repeat it."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd

from bench.analysis.rankings import format_rank, unranked_models
from bench.analysis.server_settings import SERVER_SETTINGS, server_settings, unequal_settings
from bench.formatting import compact, in_brackets, in_megabytes, number_in_words
from bench.report.caveats import Distrust, advice, distrust
from bench.report.findings import UNKNOWN, Answer, answers, answers_of_searches, noise
from bench.report.model_chooser import bar, choices
from bench.report.tables import COLUMNS, Line, Ratio, Results, collect
from bench.schema.metrics import METRICS

MEANINGS = {
    "throughput_rps": (
        "Every client asks again as soon as it is answered, so this is what a server does at its limit. It says "
        "nothing of the time that a request takes at a moderate load: at the limit that reflects the number of clients."
    ),
    "sessions_per_s": (
        "Every client connects, asks some times, takes leave and comes again: this holds what accepting and closing "
        "cost."
    ),
    "cpu_us_per_request": (
        "Requests leave on a schedule that no server can delay, at one rate that all hold. What a request costs is the "
        "CPU time of the server's processes; latency counts from when a request was due."
    ),
    "max_rate_rps": (
        "The highest rate at which most trials met the objective: it depends on that as much as on the server."
    ),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What is told of a run beside its figures."""

    environment: dict[str, Any]
    plan: dict[str, Any]
    objectives: list[str]  # of its searches for a limit
    changed_thresholds: Sequence[str] = ()  # described, one line each


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that has been written."""

    question: str
    path: str  # of the PNG, from the report's folder
    svg: bytes
    scenario: str
    source: str  # the CSV that it was drawn from


def render(
    summary: pd.DataFrame, comparisons: pd.DataFrame, trials: pd.DataFrame, run: Run, pictures: Sequence[Picture]
) -> tuple[str, str]:
    """The report as Markdown, and as a page that needs nothing but itself."""
    content = _content(summary, comparisons, trials, run, pictures)
    markdown = _templates(escaping=False)
    markdown.filters["md"] = escape
    page = _templates(escaping=True)
    page.filters |= {"brackets": in_brackets, "megabytes": in_megabytes, "bar": bar}
    page.filters["data"] = lambda svg: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return markdown.get_template("report.md.j2").render(content), page.get_template("report.html.j2").render(content)


def _templates(*, escaping: bool) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=escaping,  # in Markdown the filter escapes
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _content(
    summary: pd.DataFrame, comparisons: pd.DataFrame, trials: pd.DataFrame, run: Run, pictures: Sequence[Picture]
) -> dict[str, Any]:
    """Everything that a template tells."""
    short = unranked_models(trials)
    statements = [*answers(comparisons, short), *answers_of_searches(summary, short)]
    results = collect(summary, comparisons, short)
    possible = choices(summary)
    distrusted = distrust(summary, trials)
    nothing = "No comparison could be made: no block of a case and its reference was finished."
    return {
        "answer": statements[0] if statements else Answer("", nothing),
        "further": statements[1:],
        "noise": noise(comparisons),
        "short_of_cores": short,
        "pictures": pictures,
        "scenarios": _scenarios(run.plan, results, pictures, distrusted),
        "headings": ["rank", "arm"],
        "choices": possible,
        "most_rate": max((end for one in possible for end in one.rate if math.isfinite(end)), default=0.0),
        "comparisons": [_comparison(row) for row in comparisons.to_dict("records")],
        "parity_columns": ["arm", *SERVER_SETTINGS],
        "server_settings": server_settings(trials),
        "unequal": unequal_settings(trials),
        "advice": advice(distrusted.values()),
        "nothing_missing": not any(one.gaps for one in distrusted.values()),
        "thresholds": run.changed_thresholds,
        "objectives": run.objectives,
        "machine": _facts(run.environment),
        "plan": _flat(run.plan),
        "plan_name": str(run.plan.get("name", UNKNOWN)),
        "question": str(run.plan.get("question", "")),
        "seed": run.plan.get("seed", UNKNOWN),
        "command": _command(run.environment, run.plan),
    }


def _table(one: Results) -> dict[str, Any]:
    columns = [COLUMNS[name] for name in one.metrics]
    return {
        "title": one.title,
        "scenario": one.scenario,
        "columns": columns,
        "rows": [_cells(line, one.metrics) for line in one.lines],
    }


def _scenarios(
    plan: Mapping[str, Any],
    results: Sequence[Results],
    pictures: Sequence[Picture],
    distrusted: Mapping[str, Distrust],
) -> list[dict[str, Any]]:
    """Each scenario with its question, its pictures, its tables, what its figures mean, and what to distrust."""
    questions = {one["name"]: one.get("question", "") for one in plan.get("scenarios", ())}
    shown = [*(one.scenario for one in results), *(one.scenario for one in pictures), *distrusted]
    headlines = {one.scenario: one.metrics[0] for one in results}
    names = list(dict.fromkeys([*(name for name in questions if name in shown), *shown]))  # in the plan's order
    return [
        {
            "name": name,
            "question": questions.get(name, ""),
            "meaning": MEANINGS.get(headlines.get(name, ""), ""),
            "pictures": [one for one in pictures if one.scenario == name],
            "tables": [_table(one) for one in results if one.scenario == name],
            "distrust": distrusted.get(name, Distrust([], [])),
        }
        for name in names
    ]


def escape(value: object) -> str:
    """Text from external as Markdown that shows just that text, in one line and inside a table too."""
    text = " ".join(str(value).split())
    text = re.sub(r"([\\`*\[\]<>|#~!$])", r"\\\1", text).replace("&", "&amp;")
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # an underscore inside a word stands for itself


def _cells(line: Line, metrics: list[str]) -> list[str]:
    numbers = []
    for name in metrics:
        median, low, high = line.values.get(name, (math.nan,) * 3)
        number = compact(median) if math.isnan(low) else f"{compact(median)} [{compact(low)}, {compact(high)}]"
        numbers.append(f"{number} {line.mark(name)}".rstrip())
    ratio = "reference" if line.is_reference else "-" if line.ratio is None else _with_word(line.ratio)
    return [format_rank(line.places), line.arm, *numbers, ratio, line.verdict]


def _with_word(ratio: Ratio) -> str:
    low, high = number_in_words(ratio.low), number_in_words(ratio.high)
    return f"{number_in_words(ratio.ratio)} [{low}, {high}] {ratio.conclusion}"


def _comparison(row: Mapping[Any, Any]) -> list[str]:
    p = float(row["p_holm"])
    return [
        str(row["scenario"]),
        str(row["connections"]),
        str(row["message_bytes"] or "-"),
        METRICS[str(row["metric"])].label if str(row["metric"]) in METRICS else str(row["metric"]),
        str(row["arm"]),
        str(row["reference"]),
        f"{number_in_words(row['ratio'])} [{number_in_words(row['low'])}, {number_in_words(row['high'])}]",
        "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}",
        str(row["conclusion"]),
        str(row["verdict"]),
    ]


def _facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of the machine; what a reader would look for and is missing is named too."""
    wanted = ("cpu_model", "cpus", "memory_mb", "kernel", "clocksource", "python", "packages")
    machine = environment.get("machine")
    machine = dict(machine) if isinstance(machine, Mapping) else {}
    facts = [(name, _value(machine.get(name))) for name in wanted]
    facts += [(name, _value(value)) for name, value in machine.items() if name not in wanted]
    own = environment.get("holabench")
    own = own if isinstance(own, Mapping) else {}
    facts.append(("git", _value(environment.get("git", own.get("revision")))))
    skip = ("machine", "git", "command")
    return facts + [(str(name), _value(value)) for name, value in environment.items() if name not in skip]


def _value(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(one)}" for name, one in value.items()) or UNKNOWN
    if isinstance(value, list | tuple):
        return ", ".join(_value(one) for one in value) or "none"
    return str(value)


def _flat(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), json.dumps(value, ensure_ascii=False, default=str)) for name, value in plan.items()]


def _command(environment: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """What was typed, if that was recorded. The plan in the run's folder repeats the run whatever was typed."""
    typed = environment.get("command", plan.get("command"))
    if isinstance(typed, list | tuple):
        typed = " ".join(map(str, typed))
    return " ".join(str(typed).split()) if typed else ""

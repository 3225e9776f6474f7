"""report.md: the answer in words, then everything that is needed to believe it, to doubt it and to repeat it."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jinja2
import pandas as pd

from bench import charts as figures
from bench import stats
from bench.analyse import ACROSS, AGAINST, LOAD, TIE, UNRESOLVED, noise_share, short_of_cores
from bench.metrics import METRICS, compact, headline, is_twin, label, load_in_words, transport
from bench.ranks import in_words, ranks
from bench.table import COLUMNS, Line, Ratio, collect
from clients import verdicts

UNKNOWN = "unknown"
RESOLUTION = 0.05  # a difference that a reader would want to know of
PARITY = ("python", "workers", "server_cpus", "backlog", "nodelay", "rcvbuf", "sndbuf")
MOST_PLACES = 6  # that are listed one by one
BEST = {
    "throughput_rps": "most requests per second",
    "sessions_per_s": "most sessions per second",
    "cpu_us_per_request": "least CPU time per request",
}
THINGS = {
    "throughput_rps": "requests per second",
    "sessions_per_s": "sessions per second",
    "cpu_us_per_request": "CPU time per request",
}


@dataclass(frozen=True, slots=True)
class Run:
    """What is told of a run beside its figures."""

    environment: dict[str, Any]
    plan: dict[str, Any]
    objectives: list[str]  # of its searches for a limit


def render(
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    run: Run,
    charts: list[tuple[str, str]],
) -> str:
    """The report. ``charts``: (name as ``charts.draw`` gives it, path from the report's folder)."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("bench"),
        autoescape=False,  # Markdown, not HTML: the filter below escapes
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["md"] = escape
    short = short_of_cores(trials)
    statements = answers(comparisons, short)
    return templates.get_template("report.md.j2").render(
        answer=statements[0]
        if statements
        else "No comparison could be made: no block of a case and its reference was finished.",
        further=statements[1:],
        noise=noise(comparisons),
        needs_cores=_and(f"`{name}`" for name in short) if short else "",
        charts=[(figures.question(name), path) for name, path in charts],
        tables=[
            (one.title, [COLUMNS[name] for name in one.metrics], [_cells(line, one.metrics) for line in one.lines])
            for one in collect(summary, comparisons, short)
        ],
        comparisons=[_comparison(row) for row in comparisons.to_dict("records")],
        parity_columns=["arm", *PARITY],
        parity=parity(trials),
        unequal=unequal(trials),
        doubts=_doubts(summary),
        thresholds=verdicts.changed_thresholds(),
        missing=_missing(trials),
        objectives=run.objectives,
        machine=_facts(run.environment),
        plan=_flat(run.plan),
        seed=run.plan.get("seed", UNKNOWN),
        command=_command(run.environment, run.plan),
    )


def escape(value: object) -> str:
    """Text from outside as Markdown that shows just that text, in one line and inside a table too."""
    text = " ".join(str(value).split())
    text = re.sub(r"([\\`*\[\]<>|#~!])", r"\\\1", text).replace("&", "&amp;")
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # an underscore inside a word stands for itself


def answers(comparisons: pd.DataFrame, unranked: Sequence[str] = ()) -> list[str]:
    """What the comparisons say, in words: first the most connections of the first scenario, then the other loads.

    unranked: models of which nothing is said.
    """
    found: list[tuple[tuple[int, int], str]] = []
    if comparisons.empty:
        return []
    scenarios = sorted(dict.fromkeys(comparisons["scenario"]), key=lambda name: name == "sessions")
    for key, rows in comparisons.groupby(LOAD, dropna=False):
        scenario, connections, message_bytes, _ = cast("tuple[Any, ...]", key)
        asked = [
            row
            for row in rows[rows["metric"] == headline(scenario)].to_dict("records")
            if label(str(row["arm"])) not in unranked
        ]
        sentences = [_of_transport(asked, name) for name in ("tcp", "udp")]
        sentences.append(_udp_against_tcp(asked))
        text = " ".join(sentence for sentence in sentences if sentence)
        where = f"**{escape(load_in_words(scenario, connections, message_bytes))}.**"
        if text:
            found.append(((scenarios.index(scenario), -connections), f"{where} {text}"))
    return [text for _, text in sorted(found)]


def noise(comparisons: pd.DataFrame) -> str:
    """How far twins seemed to lie apart, for each metric."""
    if comparisons.empty:
        return ""
    parts = []
    for metric, rows in comparisons[comparisons["arm"].map(is_twin)].groupby("metric", sort=False):
        size = noise_share(rows)
        if size is not None:
            parts.append(f"{100 * size:.1f} % in {METRICS[str(metric)].label}")
    return "; ".join(parts)


def _of_transport(rows: list[dict[Any, Any]], name: str) -> str:
    """One sentence or two on the arms of one transport against their reference."""
    mine = [row for row in rows if row["kind"] == AGAINST and transport(row["arm"]) == name]
    if not mine:
        return ""
    reference, thing = escape(label(mine[0]["reference"])), THINGS[mine[0]["metric"]]
    told = sorted((row for row in mine if row["word"] in ("faster", "slower")), key=lambda row: -float(row["ratio"]))
    parts = [f"Over {name.upper()}, {_first(rows, name)}."]
    if told:
        numbers = _and(f"{escape(label(row['arm']))} {_times(row)}" for row in told)
        parts.append(f"Against the {thing} of {reference}: {numbers}.")
    else:
        parts.append(f"No model could be told from {reference} in {thing}.")
    for word, text in (
        (TIE, "Equivalent to it within 5 %"),
        (UNRESOLVED, "Not resolved"),
    ):
        same = [row for row in mine if row["word"] == word]
        if same:
            names = (f"{escape(label(row['arm']))} {_times(row)}" for row in same)
            parts.append(f"{text}: {_and(names)}.{_what_it_takes(same) if word == UNRESOLVED else ''}")
    return " ".join(parts)


def _first(rows: list[dict[Any, Any]], name: str) -> str:
    """Who is first, or may be."""
    first = sorted(escape(label(arm)) for arm, (best, _) in ranks(rows).items() if best == 1 and transport(arm) == name)
    words = BEST[rows[0]["metric"]]
    if not first:
        return f"no model can be said to have the {words}: the numbers are invalid"
    if len(first) == 1:
        return f"{first[0]} has the {words}"
    return f"which of {_and(first)} has the {words} could not be told"


def _what_it_takes(rows: list[dict[Any, Any]]) -> str:
    """How many blocks would tell a difference of 5 % in these comparisons."""
    wanted = [
        stats.blocks_for(RESOLUTION, stats.LogRatio(row["ratio"], row["low"], row["high"], 0, 0, 0), int(row["blocks"]))
        for row in rows
        if row["verdict"] != "invalid"
    ]
    known = [blocks for blocks in wanted if blocks == blocks]
    if not known or max(known) <= max(int(row["blocks"]) for row in rows):
        return ""
    return f" A difference of {100 * RESOLUTION:.0f} % there would take some {compact(max(known))} blocks."


def _udp_against_tcp(rows: list[dict[Any, Any]]) -> str:
    mine = [row for row in rows if row["kind"] == ACROSS]
    told = sorted((row for row in mine if row["word"] in ("faster", "slower")), key=lambda row: -float(row["ratio"]))
    if not told:
        return ""
    numbers = _and(f"{escape(label(row['arm']))} {_times(row)}" for row in told)
    return f"UDP against TCP of the same model: {numbers}."


def parity(trials: pd.DataFrame) -> list[list[str]]:
    """What each arm's server had, as read back: a row for each arm, without those that were never up."""
    rows = _known_conditions(trials)
    return [[arm, *(_condition(values[name]) for name in PARITY)] for arm, values in rows.items()]


def unequal(trials: pd.DataFrame) -> str:
    """What differs between the arms of a transport; workers apart, whose number is the model's own."""
    rows = _known_conditions(trials)
    found = []
    for over in sorted({transport(arm) for arm in rows}):
        for name in PARITY:
            values = {_condition(values[name]) for arm, values in rows.items() if transport(arm) == over}
            if name != "workers" and len(values) > 1:
                found.append(f"{name} over {over} ({', '.join(sorted(values))})")
    return "; ".join(found)


def _known_conditions(trials: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    if trials.empty or "rcvbuf" not in trials:
        return {}
    rows = trials[trials["status"] == "ok"].drop_duplicates("arm").to_dict("records")
    return {str(row["arm"]): row for row in sorted(rows, key=lambda row: (transport(str(row["arm"])), str(row["arm"])))}


def _condition(value: object) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _times(row: Mapping[Any, Any]) -> str:
    doubt = "" if row["verdict"] == "valid" else f", {row['verdict']}"
    return f"{_number(row['ratio'])} times ({_number(row['low'])} to {_number(row['high'])}{doubt})"


def _number(value: object) -> str:
    number = float(str(value))
    return (
        UNKNOWN
        if math.isnan(number)
        else "unbounded"
        if math.isinf(number)
        else f"{number:.3g}"
        if number >= 10
        else f"{number:.2f}"
    )


def _and(parts: Iterable[str]) -> str:
    *head, last = parts
    return f"{', '.join(head)} and {last}" if head else last


def _cells(line: Line, metrics: list[str]) -> list[str]:
    numbers = []
    for name in metrics:
        median, low, high = line.values.get(name, (math.nan,) * 3)
        numbers.append(compact(median) if math.isnan(low) else f"{compact(median)} [{compact(low)}, {compact(high)}]")
    ratio = "reference" if line.is_reference else "-" if line.ratio is None else _with_word(line.ratio)
    return [in_words(line.places), line.arm, *numbers, ratio, line.verdict]


def _with_word(ratio: Ratio) -> str:
    return f"{_number(ratio.ratio)} [{_number(ratio.low)}, {_number(ratio.high)}] {ratio.word}"


def _comparison(row: Mapping[Any, Any]) -> list[str]:
    p = float(row["p_holm"])
    return [
        str(row["scenario"]),
        str(row["connections"]),
        str(row["message_bytes"] or "-"),
        METRICS[str(row["metric"])].label if str(row["metric"]) in METRICS else str(row["metric"]),
        str(row["arm"]),
        str(row["reference"]),
        f"{_number(row['ratio'])} [{_number(row['low'])}, {_number(row['high'])}]",
        "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}",
        str(row["word"]),
        str(row["verdict"]),
    ]


def _doubts(summary: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """(code, meaning, advice, where) of every code that a row carries."""
    where: dict[str, dict[str, str]] = {}
    for row in summary.to_dict("records"):
        if row["verdict"] in ("suspect", "invalid") and not pd.isna(row["codes"]):
            for code in str(row["codes"]).split():
                name, _, figure = code.partition("=")
                case = f"{row['arm']} in {load_in_words(row['scenario'], row['connections'], row['message_bytes'])}"
                where.setdefault(name, {}).setdefault(case, figure)
    order = [name for name in verdicts.CODES if name in where] + [name for name in where if name not in verdicts.CODES]
    return [(name, *verdicts.explain(name), _places(name, where[name])) for name in order]


def _places(name: str, cases: dict[str, str]) -> str:
    """Where a code was seen; of many cases the count and the worst one."""
    if len(cases) <= MOST_PLACES:
        return "; ".join(f"{case}: {figure}" if figure else case for case, figure in cases.items())
    worst = verdicts.merge(f"{name}={figure}" if figure else name for figure in cases.values()).partition("=")[2]
    case = next(case for case, figure in cases.items() if figure == worst)
    return f"{len(cases)} cases, the worst of them {case}" + (f": {worst}" if worst else "")


def _missing(trials: pd.DataFrame) -> list[tuple[str, str, int]]:
    """(case, status and reason, blocks) of what failed or was skipped."""
    if trials.empty:
        return []
    rows = trials[trials["status"] != "ok"].assign(reason=lambda frame: frame["reason"].fillna("no reason given"))
    cases: dict[tuple[str, str], set[int]] = {}
    for row in rows.to_dict("records"):
        case = f"{row['arm']} in {load_in_words(row['scenario'], row['connections'], row['message_bytes'])}"
        cases.setdefault((case, f"{row['status']}: {row['reason']}"), set()).add(int(row["block"]))
    return [(case, reason, len(blocks)) for (case, reason), blocks in cases.items()]


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

"""What the charts draw, taken out of the tables: loads, points, and the notes that go under a chart."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.analysis import statistics
from bench.analysis.cases import text
from bench.analysis.comparisons import noise_floor_share
from bench.analysis.rankings import unranked_models
from bench.formatting import compact
from bench.schema.arms import Arm
from bench.schema.metrics import ScenarioKind
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import format_flags

MOST_REASONS = 3  # that have a line each under a chart; all of them stand in the report's table
LOAD_COLUMNS = ["scenario", "message_bytes", "rate_rps", "scenario_kind"]


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the servers, but for the number of connections, which is an axis."""

    scenario: str
    message_bytes: int
    rate_rps: float | None
    kind: str = ScenarioKind.CAPACITY

    @property
    def name(self) -> str:
        """For the name of a file."""
        rate = "" if self.rate_rps is None else f"-{self.rate_rps:.0f}rps"
        return f"{self.scenario}-{self.message_bytes}B{rate}"


@dataclass(frozen=True, slots=True)
class Point:
    """A median with its interval."""

    arm: str
    connections: int
    median: float
    low: float
    high: float
    verdict: str
    codes: str
    blocks: int

    @property
    def name(self) -> str:
        """The arm without its transport, which the panel tells."""
        return Arm.parse(self.arm).label

    @property
    def drawn(self) -> bool:
        """Whether there is a number to draw; an infinite one (too much was lost) has no place on an axis."""
        return math.isfinite(self.median)


def loads(summary: pd.DataFrame) -> list[Load]:
    """The loads of a run, in the order of its rows."""
    rows = summary[LOAD_COLUMNS].drop_duplicates().to_numpy()
    return [
        Load(str(name), int(size), None if pd.isna(rate) else float(rate), str(kind)) for name, size, rate, kind in rows
    ]


def at_load(frame: pd.DataFrame, load: Load) -> pd.DataFrame:
    """The rows of one load."""
    rate = frame["rate_rps"].isna() if load.rate_rps is None else frame["rate_rps"] == load.rate_rps
    return frame[(frame["scenario"] == load.scenario) & (frame["message_bytes"] == load.message_bytes) & rate]


def arms_at(summary: pd.DataFrame, load: Load) -> int:
    """How many arms that compete have this load."""
    return sum(Arm.parse(arm).competes for arm in at_load(summary, load)["arm"].unique())


def is_open(trials: pd.DataFrame, load: Load) -> bool:
    """Whether requests leave on a schedule at this load."""
    return bool((at_load(trials, load)["loop"] == "open").any())


def points(summary: pd.DataFrame, load: Load, metric: str) -> list[Point]:
    """All points of a metric at a load; those without a number too."""
    rows = at_load(summary, load)
    return [
        Point(
            arm=str(row["arm"]),
            connections=int(row["connections"]),
            median=float(row["median"]),
            low=float(row["low"]),
            high=float(row["high"]),
            verdict=text(row["verdict"] if row["status"] == "ok" else row["status"]),
            codes=text(row["codes"] if row["status"] == "ok" else row["reason"]),
            blocks=int(row["blocks"]),
        )
        for row in rows[rows["metric"] == metric].to_dict("records")
    ]


def points_of_trials(trials: pd.DataFrame, load: Load, values: pd.Series) -> list[Point]:
    """Points of what the summary does not have. values: one for each row of trials; the bars are the blocks' range."""
    rows = at_load(trials.assign(value=values), load)
    rows = rows[(rows["status"] == "ok") & rows["value"].notna()]
    found = []
    for (arm, connections), of_case in rows.groupby(["arm", "connections"]):
        numbers = of_case["value"]
        ends = (float(numbers.median()), float(numbers.min()), float(numbers.max()))
        found.append(Point(str(arm), int(str(connections)), *ends, verdict="valid", codes="", blocks=len(numbers)))
    return found


def transports(found: Iterable[Point]) -> list[str]:
    """The transports that have a number to draw, TCP first."""
    return sorted({Arm.parse(point.arm).transport for point in found if point.drawn})


def describe(load: Load, trials: pd.DataFrame, connections: int | None = None) -> str:
    """The load in words: ``echo, 64-byte messages, closed loop, 16 clients at a time, connections stay open``.

    connections: the one load point that is meant; of all if None, and then told only if there is but one.
    """
    rows = at_load(trials, load)
    if rows.empty:
        return f"{load.message_bytes}-byte messages"
    first = rows.iloc[0]
    rate = "" if load.rate_rps is None else f" at {compact(load.rate_rps)} requests/s"
    lives = {
        "persistent": "connections stay open",
        "session": "clients come and go",
        "per_request": "a connection a request",
    }
    life = lives.get(str(first["lifecycle"]), str(first["lifecycle"]))
    size = f", {load.message_bytes}-byte messages" if first["protocol"] == "echo" else ""  # hola has its own words
    counts = {int(count) for count in rows["connections"]} if connections is None else {connections}
    clients = "" if len(counts) > 1 else f"{min(counts)} client{'s' if min(counts) > 1 else ''} at a time, "
    return f"{first['protocol']}{size}, {first['loop']} loop{rate}, {clients}{life}"


def interval_in_words(found: Iterable[Point]) -> str:
    """How many blocks, and what the bars are."""
    blocks = max((point.blocks for point in found), default=0)
    _, _, coverage = statistics.order_ranks(blocks) if blocks else (0, 0, 0.0)
    return f"median of {blocks} blocks, bars: {100 * coverage:.0f} % interval"


def notes(
    found: list[Point],
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    load: Load,
    metric: str,
    looks: tuple[str, str] = ("Crossed out, invalid", "Grey, suspect"),
) -> list[str]:
    """What a reader has to know before he believes the chart, one line each; none is left out for looking bad."""
    lines = []
    bad = [(f"{point.verdict} {point.codes}", point) for point in found if point.verdict in ("failed", "skipped")]
    for reason, cases in _grouped(bad):
        lines.append(f"Not measured: {cases} ({reason.replace(' ', ': ', 1)})")
    for verdict, look in zip(("invalid", "suspect"), looks, strict=True):
        doubtful = [
            (point.codes, point) for point in found if point.verdict == verdict and not Arm.parse(point.arm).control
        ]
        if len({codes for codes, _ in doubtful}) > MOST_REASONS:
            flags = [flag for codes, _ in doubtful for flag in DEFAULT_THRESHOLDS.parse(codes)]
            worst = f"for some of these, here at their worst: {format_flags(DEFAULT_THRESHOLDS.merge(flags))}"
            doubtful = [(worst, point) for _, point in doubtful]
        lines += [f"{look}: {cases} ({codes or 'no reason given'})" for codes, cases in _grouped(doubtful)]
    lines += [
        f"Too much was lost to give a figure: {cases}"
        for _, cases in _grouped([("", p) for p in found if p.median == math.inf])
    ]
    if floor := noise_floor(comparisons, load, metric):
        lines.append(floor)
    elif controls := sorted({point.name for point in found if Arm.parse(point.arm).control and point.drawn}):
        lines.append(f"Thin grey: {', '.join(controls)} measured a second time; what lies between the two is noise.")
    short = set(unranked_models(at_load(trials, load))) & {point.name for point in found if point.drawn}
    if short:
        lines.append(f"Not ranked, as it needs several cores and the servers had one CPU: {', '.join(sorted(short))}.")
    return lines


def noise_floor(comparisons: pd.DataFrame, load: Load, metric: str) -> str:
    """How far the controls seem to differ, as a line of text; empty where there is none."""
    if comparisons.empty:
        return ""
    rows = at_load(comparisons, load)
    rows = rows[
        (rows["metric"] == metric) & rows["arm"].map(lambda name: Arm.parse(name).control) & rows["low"].notna()
    ]
    if rows.empty:
        return ""
    names = ", ".join(sorted({Arm.parse(arm).label for arm in rows["arm"]}))
    share = noise_floor_share(rows)
    size = "" if share is None else f" (ratios inside rounds: up to {100 * share:.1f} %)"
    return f"Thin grey: {names} measured a second time, the noise floor{size}."


def _grouped(reasons: list[tuple[str, Point]]) -> list[tuple[str, str]]:
    """(reason, its cases in words), so that a reason that many cases share is told once."""
    by_reason: dict[str, dict[str, set[int]]] = {}
    for reason, point in reasons:
        by_reason.setdefault(reason, {}).setdefault(point.arm, set()).add(point.connections)
    return [(reason, _cases(arms)) for reason, arms in by_reason.items()]


def _cases(arms: dict[str, set[int]]) -> str:
    """``select/tcp, select/udp at 16 connections; native/tcp at 1 and 16 connections``."""
    by_count: dict[tuple[int, ...], list[str]] = {}
    for arm, counts in arms.items():
        by_count.setdefault(tuple(sorted(counts)), []).append(arm)
    return "; ".join(f"{', '.join(names)} at {_and(list(counts))}" for counts, names in by_count.items())


def _and(values: list[int]) -> str:
    head, last = values[:-1], f"{values[-1]} connection{'' if values == [1] else 's'}"
    return f"{', '.join(map(str, head))} and {last}" if head else last

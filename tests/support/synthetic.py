"""The rows of made-up runs with known rates and the noise of a virtual machine."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w
from scipy import stats

from bench.schema.column_docs import column_names, text_columns
from bench.schema.csv_schema import SCHEMA, HistogramRow, SliceRow, TrialRow
from bench.schema.result_rows import ComparisonRow
from bench.store import file_names
from bench.store.histograms import one_row_per_slot

Rates = Mapping[str, Mapping[int, float]]  # of each arm at each number of connections
SESSION_REQUESTS = 11
SLICE_S = 0.046

TCP = {
    "iterative/tcp": {1: 25e3},
    "thread_per_client/tcp": {1: 20e3, 16: 28e3, 64: 25e3},
    "select/tcp": {1: 25e3, 16: 38e3, 64: 33e3},
    "asyncio/tcp": {1: 20e3, 16: 32e3, 64: 31e3},
    "multiprocessing/tcp": {1: 25e3, 16: 37e3, 64: 32.5e3},
    "asyncio/tcp~control": {1: 20e3, 16: 32e3, 64: 31e3},
}
UDP = {
    "iterative/udp": {1: 33e3, 16: 58e3, 64: 60e3},
    "thread_per_client/udp": {1: 22e3, 16: 30e3, 64: 28e3},
    "select/udp": {1: 30e3, 16: 52e3, 64: 53e3},
    "asyncio/udp": {1: 26e3, 16: 41e3, 64: 42e3},
    "multiprocessing/udp": {1: 30e3, 16: 51e3, 64: 52e3},
    "asyncio/udp~control": {1: 26e3, 16: 41e3, 64: 42e3},
}
SESSIONS = {
    arm: {16: rates.get(16, 30e3) / SESSION_REQUESTS / (3 if "tcp" in arm else 1)} for arm, rates in (TCP | UDP).items()
}
MEMORY_MB = {"thread_per_client": (13.0, 0.06), "multiprocessing": (21.0, 0.004), "asyncio": (19.0, 0.01)}


@dataclass(frozen=True)
class Rows:
    """The tables of a run, as pandas reads them."""

    slices: pd.DataFrame
    trials: pd.DataFrame
    histograms: pd.DataFrame


def read_back(rows: Sequence[SliceRow | TrialRow | HistogramRow], row_type: type) -> pd.DataFrame:
    """Return rows as pandas reads them from CSV: None becomes nan, but names of populations and phases stay texts."""
    columns = [field.name for field in fields(row_type)]
    table = pd.DataFrame([[getattr(row, column) for column in columns] for row in rows], columns=columns)
    texts = dict.fromkeys(text_columns(row_type), str) if row_type is HistogramRow else None
    table = pd.read_csv(io.StringIO(table.to_csv(index=False)), dtype=texts)
    names = {name: table[name].astype(object).fillna("") for name in ("population", "phase")}
    return table.assign(**names)


def make_run(
    rates: Rates,
    *,
    scenario: str = "capacity",
    blocks: int = 10,
    rounds: int = 12,
    noise: float = 0.05,
    block_noise: float = 0.01,
    seed: int = 1,
    judged: Mapping[tuple[str, int], tuple[str, str]] | None = None,
    histograms: bool = False,
) -> Rows:
    """Return the rows of a run.

    noise: of each slice. A drift is common to all arms of a round. block_noise: of each arm in each block.
    judged: verdict and codes of some arms, by name and number of connections. The others are valid.
    """
    random = np.random.default_rng(seed)
    slices: list[SliceRow] = []
    trials: list[TrialRow] = []
    histogram_rows: list[HistogramRow] = []
    all_connections = sorted({connections for of_arm in rates.values() for connections in of_arm})
    for block in range(blocks):
        for connections in all_connections:
            drift = np.exp(np.cumsum(random.normal(0, 0.05, rounds)))
            for arm, of_arm in rates.items():
                if connections not in of_arm:
                    reason = "serves one connection at a time"
                    trials.append(make_trial(block, arm, connections, scenario, status="skipped", reason=reason))
                    continue
                block_speed = of_arm[connections] * np.exp(random.normal(0, block_noise))
                speeds = block_speed * drift * np.exp(random.normal(0, noise, rounds))
                rows = [
                    make_slice(block, number, arm, connections, scenario, speed, random)
                    for number, speed in enumerate(speeds)
                ]
                slices += rows
                verdict, codes = (judged or {}).get((arm, connections), ("valid", ""))
                trials.append(make_finished_trial(block, arm, connections, scenario, rows, verdict, codes))
                if histograms:
                    histogram_rows += make_histogram(block, arm, connections, scenario, rows, random)
    histogram_table = one_row_per_slot(read_back(histogram_rows, HistogramRow))
    return Rows(read_back(slices, SliceRow), read_back(trials, TrialRow), histogram_table)


def make_slice(
    block: int, number: int, arm: str, connections: int, scenario: str, speed: float, random: np.random.Generator
) -> SliceRow:
    """Return one slice. speed: value of the scenario's headline metric."""
    requests = speed * (SESSION_REQUESTS if scenario == "sessions" else 1)
    replies = int(requests * SLICE_S)
    p50 = 1e6 * connections / requests
    return SliceRow(
        block=block,
        round=number,
        position=0,
        arm=arm,
        scenario=scenario,
        connections=connections,
        message_bytes=64,
        rate_rps=None,
        duration_s=SLICE_S,
        scheduled=None,
        unsent=0,
        sent=replies,
        replies=replies,
        answered=replies,
        sessions=replies // SESSION_REQUESTS if scenario == "sessions" else 0,
        late=0,
        given_up=0,
        corrupt=0,
        throughput_rps=requests,
        sessions_per_s=speed if scenario == "sessions" else None,
        service_p50_us=p50,
        service_p99_us=p50 * 2.2,
        latency_p50_us=None,
        latency_p99_us=None,
        server_cpu_us=replies * 0.95e6 / requests * float(np.exp(random.normal(0, 0.01))),
        generator_cpu_us=replies * 6.0,
        generator_cpu_share=0.3,
        run_delay_share=0.0,
        codes="",
    )


def make_trial(
    block: int, arm: str, connections: int, scenario: str, *, status: str = "ok", reason: str = "", **more: object
) -> TrialRow:
    """Return a row of trials.csv. more: further columns."""
    model, _, transport = arm.partition("~")[0].partition("/")
    return TrialRow(
        block=block,
        arm=arm,
        model=model,
        transport=transport,
        protocol="hola" if scenario == "sessions" else "echo",
        python="3.11.9",
        scenario=scenario,
        scenario_kind="sessions" if scenario == "sessions" else "capacity",
        loop="closed",
        lifecycle="session" if scenario == "sessions" else "persistent",
        connections=connections,
        message_bytes=64,
        depth=1,
        rate_rps=None,
        workers=2 if model == "multiprocessing" else 1,
        server_cpus="1",
        generator_cpus="0",
        status=status,
        reason=reason,
        **more,  # type: ignore[arg-type]  # any column may be given
    )


def make_finished_trial(
    block: int, arm: str, connections: int, scenario: str, rows: list[SliceRow], verdict: str, codes: str
) -> TrialRow:
    """Return the row of a trial that was measured. rows: its slices."""
    model = arm.partition("/")[0]
    memory, per_connection = MEMORY_MB.get(model, (11.0, 0.004))
    rss = memory + per_connection * connections + 0.1 * (block % 3)
    replies = sum(row.replies for row in rows)
    p50 = float(np.median([row.service_p50_us or 0.0 for row in rows]))
    return make_trial(
        block,
        arm,
        connections,
        scenario,
        rounds=len(rows),
        sent=replies,
        replies=replies,
        lost=0,
        pooled_service_p50_us=p50,
        service_p99_us=p50 * 2.4,
        service_p99_9_us=p50 * (4 + 0.1 * (block % 5)),
        connect_p50_us=80.0 if scenario == "sessions" and "tcp" in arm else None,
        rss_mb=rss * (3 if model == "multiprocessing" else 1),
        memory_mb=rss,
        generator_cpu_share=0.3,
        limited_by="server",
        verdict=verdict,
        codes=codes,
    )


def make_histogram(
    block: int, arm: str, connections: int, scenario: str, rows: list[SliceRow], random: np.random.Generator
) -> list[HistogramRow]:
    """Return a histogram with a long tail around the median of the rows.

    Its slots are 1% wide.
    """
    middle = 1e3 * float(np.median([row.service_p50_us or 0.0 for row in rows]))
    width = 0.5 if "thread" in arm else 0.25
    replies = sum(row.replies for row in rows)
    sample = middle * np.exp(width * random.gamma(2.0, 0.5, replies) - 0.84 * width + random.normal(0, 0.03))
    sample[random.random(replies) < 0.004] *= 3
    edges = np.exp(np.arange(np.log(1e3), np.log(1e9), 0.01))
    counts, _ = np.histogram(sample, edges)
    load = {"block": block, "arm": arm, "scenario": scenario, "connections": connections}
    slots = [(int(edges[i]), int(edges[i + 1]), int(counts[i])) for i in np.flatnonzero(counts)]
    return [HistogramRow.of_slots(load | {"message_bytes": 64, "rate_rps": None}, "service", slots)]


def concat_runs(*runs: Rows) -> Rows:
    """Return the rows of several scenarios as one run."""
    names = ("slices", "trials", "histograms")
    return Rows(*(pd.concat([getattr(rows, name) for rows in runs], ignore_index=True) for name in names))


def no_comparisons() -> pd.DataFrame:
    """Return comparisons.csv of a run that compared nothing."""
    return pd.DataFrame(columns=column_names(ComparisonRow))


def student_quantile(q: float, degrees: int) -> float:
    """Return a quantile of Student's t."""
    return float(stats.t.ppf(q, degrees))


def write_run(rows: Rows, path: Path) -> None:
    """Write the rows as the folder of a run."""
    models = sorted({str(arm).partition("/")[0] for arm in rows.trials["arm"]})
    (path / "environment.json").write_text(json.dumps({"schema": SCHEMA, "holabench": {"version": "0"}}))
    scenarios = [
        {"name": name, "connections": sorted({int(count) for count in group["connections"]}), "seconds": 1.0}
        for name, group in rows.trials.groupby("scenario")
    ]
    plan = {
        "name": "synthetic",
        "models": models,
        "reference": "asyncio",
        "control": "asyncio",
        "baseline": "none",
        "blocks": 6,
        "seed": 1,
    }
    (path / "plan.toml").write_text(tomli_w.dumps(plan | {"scenarios": scenarios}))
    rows.trials.to_csv(path / file_names.TRIALS, index=False)
    rows.slices.to_csv(path / file_names.SLICES, index=False)
    one_row_per_histogram(rows.histograms).to_csv(path / file_names.HISTOGRAMS, index=False)


def one_row_per_histogram(slots: pd.DataFrame) -> pd.DataFrame:
    """The rows of histograms.csv.gz."""
    columns = column_names(HistogramRow)
    lists = {"upper_ns": "upper_ns", "count": "counts"}
    texts = slots.assign(**{column: slots[column].astype(str) for column in lists}).rename(columns=lists)
    keys = [column for column in columns if column not in lists.values()]
    groups = texts.groupby(keys, dropna=False, observed=True, sort=False)
    return groups[list(lists.values())].agg(" ".join).reset_index()[columns]

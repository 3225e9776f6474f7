"""Rows as a run would have left them, made up from known rates, with the noise of a small virtual machine."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w
from scipy import stats

from bench.schema.rows import SCHEMA, HistogramRow, SliceRow, TrialRow

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
    """The CSVs of a run, read back with pandas."""

    slices: pd.DataFrame
    trials: pd.DataFrame
    histograms: pd.DataFrame


def read_back(rows: Sequence[SliceRow | TrialRow | HistogramRow], kind: type) -> pd.DataFrame:
    """Rows as pandas reads them from CSV: None is an empty cell is nan."""
    columns = [field.name for field in fields(kind)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=columns)
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


def run(
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
    """Slices with ``noise`` of their own, a drift that a round shares, and a little that a block keeps for each arm."""
    random = np.random.default_rng(seed)
    slices: list[SliceRow] = []
    trials: list[TrialRow] = []
    slots: list[HistogramRow] = []
    loads = sorted({connections for of_arm in rates.values() for connections in of_arm})
    for block in range(blocks):
        for connections in loads:
            drift = np.exp(np.cumsum(random.normal(0, 0.05, rounds)))
            for arm, of_arm in rates.items():
                if connections not in of_arm:
                    trials.append(
                        trial(
                            block,
                            arm,
                            connections,
                            scenario,
                            status="skipped",
                            reason="serves one connection at a time",
                        )
                    )
                    continue
                own = of_arm[connections] * np.exp(random.normal(0, block_noise))
                speeds = own * drift * np.exp(random.normal(0, noise, rounds))
                rows = [
                    slice_of(block, number, arm, connections, scenario, speed, random)
                    for number, speed in enumerate(speeds)
                ]
                slices += rows
                verdict, codes = (judged or {}).get((arm, connections), ("valid", ""))
                trials.append(finished(block, arm, connections, scenario, rows, verdict, codes))
                if histograms:
                    slots += latencies(block, arm, connections, scenario, rows, random)
    return Rows(read_back(slices, SliceRow), read_back(trials, TrialRow), read_back(slots, HistogramRow))


def slice_of(
    block: int, number: int, arm: str, connections: int, scenario: str, speed: float, random: np.random.Generator
) -> SliceRow:
    """One slice at ``speed`` (of the scenario's headline metric)."""
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
        lost=0,
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


def trial(
    block: int, arm: str, connections: int, scenario: str, *, status: str = "ok", reason: str = "", **more: object
) -> TrialRow:
    """A row of trials.csv."""
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
        **more,  # type: ignore[arg-type]
    )


def finished(
    block: int, arm: str, connections: int, scenario: str, rows: list[SliceRow], verdict: str, codes: str
) -> TrialRow:
    """The row of a trial that ended well."""
    model = arm.partition("/")[0]
    memory, each = MEMORY_MB.get(model, (11.0, 0.004))
    rss = memory + each * connections + 0.1 * (block % 3)
    replies = sum(row.replies for row in rows)
    p50 = float(np.median([row.service_p50_us or 0.0 for row in rows]))
    return trial(
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


def latencies(
    block: int, arm: str, connections: int, scenario: str, rows: list[SliceRow], random: np.random.Generator
) -> list[HistogramRow]:
    """A histogram with a long tail, in slots 1 % wide, around the rows' medians."""
    middle = 1e3 * float(np.median([row.service_p50_us or 0.0 for row in rows]))
    width = 0.5 if "thread" in arm else 0.25
    replies = sum(row.replies for row in rows)
    sample = middle * np.exp(width * random.gamma(2.0, 0.5, replies) - 0.84 * width + random.normal(0, 0.03))
    sample[random.random(replies) < 0.004] *= 3
    edges = np.exp(np.arange(np.log(1e3), np.log(1e9), 0.01))
    counts, _ = np.histogram(sample, edges)
    return [
        HistogramRow(
            block, arm, scenario, connections, 64, None, "service", int(edges[i]), int(edges[i + 1]), int(counts[i])
        )
        for i in np.flatnonzero(counts)
    ]


def together(*runs: Rows) -> Rows:
    """The rows of several scenarios as one run."""
    return Rows(
        *(
            pd.concat([getattr(rows, name) for rows in runs], ignore_index=True)
            for name in ("slices", "trials", "histograms")
        )
    )


def student(q: float, freedom: int) -> float:
    """Student's quantile."""
    return float(stats.t.ppf(q, freedom))


def student_tail(t: float, freedom: int) -> float:
    """Probability of more than ``t``."""
    return float(stats.t.sf(t, freedom))


def write(rows: Rows, path: Path) -> None:
    """Write the rows as the folder of a run."""
    models = sorted({str(arm).partition("/")[0] for arm in rows.trials["arm"]})
    (path / "environment.json").write_text(json.dumps({"schema": SCHEMA, "holabench": {"version": "0"}}))
    scenarios = [
        {"name": name, "connections": sorted({int(one) for one in group["connections"]}), "seconds": 1.0}
        for name, group in rows.trials.groupby("scenario")
    ]
    plan = {
        "name": "synthetic",
        "models": models,
        "reference": "asyncio",
        "control": "asyncio",
        "baseline": "",
        "blocks": 6,
        "seed": 1,
    }
    (path / "plan.toml").write_text(tomli_w.dumps(plan | {"scenarios": scenarios}))
    for name in ("trials", "slices", "histograms"):
        getattr(rows, name).to_csv(path / f"{name}.csv", index=False)

"""Which model for me? Each measured case as one row, with what a reader may need of it. Pure."""

import math
from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import group_by_case
from bench.formatting import compact
from bench.schema.arms import Arm

_WANTED = ("throughput_rps", "sessions_per_s", "latency_p99_us", "service_p99_us", "cpu_us_per_request", "memory_mb")
Ends = tuple[float, float, float]  # median, low, high
_UNKNOWN: Ends = (math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Choice:
    """One arm at one load. What is not known is nan."""

    model: str
    transport: str
    load: str
    connections: int
    message_bytes: int
    rate: Ends  # that it answers, requests or sessions per second
    p99_us: Ends
    cpu_us: Ends
    memory_mb: float
    verdict: str

    @property
    def known(self) -> dict[str, str]:
        """What the page's filter compares, as plain numbers; empty where not known."""
        numbers = {"rate": self.rate[1], "p99": self.p99_us[2], "connections": self.connections}
        numbers |= {"bytes": self.message_bytes, "memory": self.memory_mb}
        return {name: "" if math.isnan(value) else f"{value:.6g}" for name, value in numbers.items()}


def choices(summary: pd.DataFrame) -> list[Choice]:
    """Every measured case of what competes, with valid figures or doubtful ones, which are marked."""
    found = []
    if summary.empty:
        return []
    wanted = summary[summary["metric"].isin(_WANTED)]
    for case, rows in group_by_case(wanted).items():
        values = {str(row.metric): (float(row.median), float(row.low), float(row.high)) for row in rows.itertuples()}  # type: ignore[arg-type]
        name, load_point = case.arm, case.load_point
        if (
            Arm.parse(name).control
            or Arm.parse(name).is_baseline
            or not any(math.isfinite(ends[0]) for ends in values.values())
        ):
            continue
        rate = values.get("sessions_per_s") or values.get("throughput_rps", _UNKNOWN)
        verdicts = set(rows["verdict"])
        found.append(
            Choice(
                model=Arm.parse(name).label,
                transport=Arm.parse(name).transport,
                load=str(load_point.planned)
                + ("" if load_point.rate_rps is None else f" at {compact(load_point.rate_rps)}/s"),
                connections=load_point.connections,
                message_bytes=load_point.message_bytes,
                rate=rate,
                p99_us=values.get("latency_p99_us") or values.get("service_p99_us", _UNKNOWN),
                cpu_us=values.get("cpu_us_per_request", _UNKNOWN),
                memory_mb=values.get("memory_mb", _UNKNOWN)[0],
                verdict=next((one for one in ("invalid", "suspect") if one in verdicts), "valid"),
            )
        )
    return found


def bar(ends: Ends, most: float) -> tuple[float, float, float]:
    """Median and interval in per cent of the longest one, for a bar with its error; nought where not known."""
    median, low, high = (100 * end / most if math.isfinite(end) and most > 0 else 0.0 for end in ends)
    return median, low, min(high, 100.0)

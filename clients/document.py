"""The result document of one trial: plain dicts and numbers, keys that stay, units in the names."""

import math
from typing import Any

import numpy as np

from clients.histogram import quantile_ns, summary_us
from clients.target import Settings, Slice, Totals, errors_of

# 1: first.
SCHEMA = 1


def lost_of(tally: dict[str, int]) -> int:
    """Requests that never got their reply: given up and not answered late, or broken with their connection."""
    return tally["timed_out"] - tally["late"] + tally["broken"]


def document(
    settings: Settings, totals: Totals, served: list[int], parts: Slice | None, warmup_s: float, cpus: tuple[int, ...]
) -> dict[str, Any]:
    """Return the document of all that a target was loaded with.

    served: replies of each connection. parts: the one slice whose parts become ``windows``, if there was one.
    """
    tally = totals.tally
    lost = lost_of(tally)
    missing = tally["counted"] - int(totals.service.sum())  # given up, late, corrupt or broken: all took for ever
    session = settings.lifecycle == "session"
    return {
        "schema": SCHEMA,
        "target": f"{settings.transport}://{settings.host}:{settings.port}",
        "protocol": settings.protocol,
        "transport": settings.transport,
        "loop": "closed",
        "lifecycle": settings.lifecycle,
        "connections": settings.connections,
        "message_bytes": settings.message_bytes if settings.protocol == "echo" else None,
        "requests_per_session": settings.messages_per_session if session else None,
        "depth": 1,
        "rate_rps": None,
        "seed": settings.seed,
        "warmup_s": warmup_s,
        "duration_s": totals.duration_s,
        "scheduled": None,
        "sent": tally["sent"],
        "unsent": 0,
        "replies": tally["replies"],
        "throughput_rps": _rate(tally["replies"], totals.duration_s),
        "sessions": tally["sessions"] if session else None,
        "sessions_per_s": sessions_per_s(settings, tally["replies"], totals.duration_s),
        "ledger": {
            "ok": tally["ok"],
            "late": tally["late"],
            "lost": lost,
            "corrupt": tally["corrupt"],
            "duplicate": tally["duplicate"],
            "reordered": 0,  # one request at a time is under way on a connection
        },
        "errors": errors_of(tally),
        "latency_us": None,  # in a closed loop no request has an intended time
        "service_us": _figures(summary_us(totals.service, missing=missing)),
        "lateness_us": None,
        "connect_us": _figures(summary_us(totals.connect)) if totals.connect.any() else None,
        "fairness": None if session else fairness(served),
        "windows": [] if parts is None else _windows(parts),
        "generator": {
            "threads": max(1, len(cpus)),
            "cpus": list(cpus),
            "cpu_share": totals.cpu_share_s / totals.elapsed_s if totals.elapsed_s else 0.0,
            "ceiling_rps": None,
            "gc_runs": totals.gc_runs,
            "involuntary_switches": totals.involuntary_switches,
        },
        "verdict": _verdict(tally, lost),
    }


def fairness(served: list[int]) -> dict[str, Any]:
    """How evenly the connections were served: Jain's index (sum x)^2 / (n sum x^2) (Jain, Chiu & Hawe 1984)."""
    counts = np.asarray(served, float)
    squares = float((counts**2).sum())
    return {
        "jain": float(counts.sum() ** 2 / (len(counts) * squares)) if squares else None,
        "starved": int((counts == 0).sum()),
        "served_min": int(counts.min()),
        "served_max": int(counts.max()),
    }


def sessions_per_s(settings: Settings, replies: int, duration_s: float) -> float | None:
    """Sessions a second, by the share of a session that each reply is; None if there are no sessions.

    Whole sessions end in waves, since all connections begin one when a slice begins: to count those that end inside a
    short window would be a matter of where the waves fall.
    """
    if settings.lifecycle != "session" or duration_s <= 0:
        return None
    return replies / settings.messages_per_session / duration_s


def _windows(parts: Slice) -> list[dict[str, Any]]:
    width_s = parts.duration_s / len(parts.service)
    return [
        {
            "start_s": k * width_s,
            "replies": int(counts.sum()),
            "p50_us": _finite(quantile_ns(counts, 0.5) / 1e3),
            "p99_us": _finite(quantile_ns(counts, 0.99) / 1e3),
        }
        for k, counts in enumerate(parts.service)
    ]


def _verdict(tally: dict[str, int], lost: int) -> dict[str, Any]:
    codes = []
    if tally["corrupt"] or tally["wrong_reply"]:
        codes.append(f"CORRUPT={tally['corrupt']}")
    if lost:
        codes.append(f"LOSS={lost}")
    if not tally["ok"]:
        codes.append("NO_REPLIES")
    other = {kind: count for kind, count in errors_of(tally).items() if kind != "wrong_reply"}
    if other:
        codes.append(f"ERRORS={sum(other.values())}")
    bad = tally["corrupt"] or tally["wrong_reply"] or not tally["ok"]
    return {"status": "invalid" if bad else "suspect" if codes else "valid", "codes": codes}


def _rate(count: int, duration_s: float) -> float | None:
    return count / duration_s if duration_s > 0 else None


def _figures(figures: dict[str, float]) -> dict[str, float | str | None]:
    return {name: _finite(value) for name, value in figures.items()}


def _finite(value: float) -> float | str | None:
    """JSON has no infinity and no nan: they become the string "inf" and null."""
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else value

"""Describe a result document as text for the terminal. Pure."""

import math
from collections.abc import Mapping
from typing import Any

_SHOWN_PERCENTILES = ("p50", "p90", "p99", "p99_9", "max")
# Each kind of error in words, and what is counted.
_ERRORS = {
    "connect_refused": ("the server refused {}", "connection"),
    "connect_timeout": ("{} timed out", "connection attempt"),
    "connect_failed": ("{} failed", "connection attempt"),
    "no_ports": ("{} failed, because no local port was free", "connection attempt"),
    "no_descriptors": ("{} failed, because the limit of open files was reached", "connection attempt"),
    "timeout": ("{} timed out", "request"),
    "reset": ("the server reset {}", "connection"),
    "closed": ("the server closed {} early", "connection"),
    "unreachable": ("the network reported that {} could not reach the server", "connection"),
    "wrong_reply": ("the server sent {} with other bytes than expected", "reply"),
}
_BEHAVIOURS = {"silent": "send nothing", "trickle": "trickle", "never_reads": "never read"}
_PLURALS = {"reply": "replies"}


def describe(result: dict[str, Any]) -> str:
    """Return the result as lines: a name, then its figures."""
    lines = [
        f"{result['target']}  {describe_load(result)}",
        f"throughput   {_number(result['throughput_rps'])} requests/s",
    ]
    if result["sessions_per_s"] is not None:
        lines.append(f"sessions     {_number(result['sessions_per_s'])} sessions/s")
    for name, key in (("latency", "latency_us"), ("service time", "service_us"), ("lateness", "lateness_us")):
        if result[key] is not None:
            lines.append(f"{name:12s} {_percentiles(result[key])}")
    lines += _describe_requests(result)
    lines += _describe_verdict(result)
    lines.append(f"generator    {result['generator']['cpu_share']:.0%} CPU use of its busiest thread")
    return "\n".join(lines)


def describe_populations(documents: Mapping[str, dict[str, Any]]) -> str:
    """Return the results of several populations: the name of each, its figures, and those of its phases."""
    texts = []
    for name, document in documents.items():
        texts.append(f"population {name}\n{describe(document)}")
        texts += [
            f"population {name}, phase {phase['name']}\n{describe(phase)}" for phase in document.get("phases", [])
        ]
    return "\n\n".join(texts)


def describe_load(result: dict[str, Any]) -> str:
    """Return the load in one line."""
    loop = f"{result['loop']} loop"
    loop += "" if result["rate_rps"] is None else f", {result['rate_rps']:,.0f} requests/s due"
    arrivals = f" ({result['arrivals']})" if result["arrivals"] else ""
    depth = f", depth {result['depth']}" if result["depth"] > 1 else ""
    behaviour = "" if result["behaviour"] == "normal" else f" that {_BEHAVIOURS[result['behaviour']]}"
    depth += f", {result['retries']} retries" if result["retries"] else ""
    work = f" ({describe_work(result)})" if result["protocol"] == "work" else ""
    return (
        f"{result['protocol']}{work}, {loop}{arrivals}, {result['connections']} connections{behaviour}{depth}, "
        f"{result['lifecycle']}, {result['duration_s']:.2f} s"
    )


def describe_work(result: dict[str, Any]) -> str:
    """Return what each request asks of the server: ``wait 5 ms, compute 200 units with the lock``."""
    lock = "with the lock" if result["compute_kind"] == "lock" else "without the lock"
    mix = result["work_mix"] or [[result["wait_us"], result["compute_units"], 1.0]]
    total = sum(weight for _, _, weight in mix)
    texts = []
    for wait_us, units, weight in mix:
        parts = [f"wait {wait_us / 1e3:g} ms"] if wait_us else []
        parts += [f"compute {units:,} units {lock}"] if units else []
        share = f"{weight / total:.3g}: " if len(mix) > 1 else ""
        texts.append(share + (", ".join(parts) or "nothing"))
    return "; ".join(texts)


def _describe_requests(result: dict[str, Any]) -> list[str]:
    counts = dict(result["ledger"])
    if result["unsent"]:
        counts["unsent"] = result["unsent"]
    if result["retried"]:
        counts["sent again"] = result["retried"]
    shown = [f"{count} {outcome}" for outcome, count in counts.items() if count or outcome == "ok"]
    lines = [f"requests     {', '.join(shown)}"]
    drops = result["kernel_drops"]
    if drops and any(drops.values()):
        places = ", ".join(f"{count} at the {place}" for place, count in drops.items() if count)
        lines.append(f"dropped      {places}: datagrams that did not fit into a socket buffer")
    if result["errors"]:
        lines.append(f"errors       {'; '.join(describe_errors(result['errors']))}")
    fairness = result["fairness"]
    if fairness and fairness["starved"] and result["loop"] == "closed":
        lines.append(f"starved      {fairness['starved']} of {result['connections']} connections got no reply")
    return lines


def describe_errors(errors: Mapping[str, int]) -> list[str]:
    """Return each kind of error in words: ``the server closed 352 connections while a reply was due``."""
    texts = []
    for kind, count in errors.items():
        text, noun = _ERRORS[kind]
        texts.append(text.format(f"{count:,} {noun if count == 1 else _PLURALS.get(noun, noun + 's')}"))
    return texts


def _describe_verdict(result: dict[str, Any]) -> list[str]:
    """Return the verdict, with the percentiles whose own verdict differs, and the findings."""
    verdict = result["verdict"]
    times = result["latency_us"] or result["service_us"]
    others: dict[str, list[str]] = {}
    for name, of_percentile in verdict["percentiles"].items():
        if of_percentile != verdict["status"] and times.get(name.replace(".", "_")) is not None:
            others.setdefault(of_percentile, []).append(name)
    parts = [verdict["status"], *(f"{', '.join(names)} {other}" for other, names in others.items())]
    lines = [f"verdict      {'; '.join(parts)}"]
    lines += [f"doubts       {' '.join(verdict['codes'])}"] if verdict["codes"] else []
    lines += [f"findings     {' '.join(verdict['findings'])}"] if verdict["findings"] else []
    return lines


def _percentiles(summary: dict[str, float | str | None]) -> str:
    shown = [(name, summary[name]) for name in _SHOWN_PERCENTILES if summary[name] is not None]
    return "   ".join(f"{name.replace('_', '.')} {_number(value)} us" for name, value in shown)


def _number(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str) or math.isinf(value):
        return "inf"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

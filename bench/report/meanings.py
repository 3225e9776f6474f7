"""Explanations of the load of a scenario, and of its first figure. Pure."""

import pandas as pd

from bench.analysis.cases import text
from bench.formatting import compact
from bench.report.charts.families import others_in_words, work_of_rows
from bench.translation import N_, gettext

CLOSED_LOOP = N_("Closed loop: every client sends its next request as soon as the last reply arrives.")
_CLOSED_TIMES = N_("Service times here grow with the number of clients; they are not those of a moderate load.")
_AT_ONCE = N_("The rate is the most that the server can do with these clients.")
_WAITING = N_(
    "The handler waits {wait_ms:g} ms, so {clients:,} clients cannot get more than {bound} "
    "requests/s from any server: a rate below that shows what the server adds to the wait."
)
# Without this, a reader whose handler calls a blocking library expects the rate of an event loop from it.
_BLOCKING = N_(
    "Each model waits in its own way: an event loop by a timer, so it serves others meanwhile. A handler that "
    "calls a library which blocks would hold up all clients of an event loop; the preset blocking measures that."
)
_COMPUTING = N_("The handler computes, so the rate depends on the processor as much as on the model.")
_SESSIONS = N_(
    "Every client connects, sends a few requests, disconnects and connects again. The rate "
    "includes the cost of accepting and closing connections."
)
_OPEN_LOOP = N_(
    "Open loop: requests follow a schedule that no server can delay. CPU time is that of the "
    "server's processes. Latency counts from the time at which a request was due."
)
_MIXED = N_(
    "Several kinds of clients load the server at the same time. Latency counts from the time "
    "at which a request was due. CPU time per request counts the requests of all clients."
)
_OTHERS = N_("The clients asked about are served beside {others}.")
_ASKED = N_("The clients asked about send {population} requests: the handler {work}.")
_HELD = N_("Clients that get no replies. The memory is that of the server while it holds their connections.")
_MAX_RATE = N_(
    "The highest rate at which most trials met the objective. It depends on the objective as much as on the server."
)
_OF_METRIC = {
    "sessions_per_s": _SESSIONS,
    "cpu_us_per_request": _OPEN_LOOP,
    "memory_mb": _HELD,
    "max_rate_rps": _MAX_RATE,
}


def meaning(metric: str, trials: pd.DataFrame) -> str:
    """Return the explanation of a scenario; "" for a scenario without figures.

    metric: that the scenario asks for first. trials: of the scenario.
    """
    if metric == "throughput_rps":
        return " ".join([gettext(CLOSED_LOOP), _of_handlers(trials), gettext(_CLOSED_TIMES)])
    if metric == "latency_p99_us":
        populations = trials["population"].map(text)
        others = trials[populations != populations.iloc[0]] if len(trials) else trials
        mixed = gettext(_MIXED)
        if others.empty:
            return mixed
        own = trials[populations == populations.iloc[0]]
        asked = gettext(_ASKED, population=populations.iloc[0].replace("_", " "), work=work_of_rows(own))
        return f"{mixed} {asked} {gettext(_OTHERS, others=others_in_words(others))}"
    return gettext(_OF_METRIC.get(metric, ""))


def _of_handlers(trials: pd.DataFrame) -> str:
    """Return what limits the rate of a closed loop: by its longest wait, with the most clients."""
    waits_us, units = (trials[name].dropna().astype(float) for name in ("wait_us", "compute_units"))
    if waits_us.empty or not waits_us.max():
        return gettext(_COMPUTING if len(units) and units.max() else _AT_ONCE)
    wait_us, clients = float(waits_us.max()), int(trials["connections"].max())
    bound = compact(clients / (wait_us / 1e6))
    return f"{gettext(_WAITING, wait_ms=wait_us / 1e3, clients=clients, bound=bound)} {gettext(_BLOCKING)}"

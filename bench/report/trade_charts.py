"""The charts of CPU time against latency that a report leaves out, because the run does not answer their question."""

from collections.abc import Sequence

from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.points import select_points
from bench.report.charts.trades import INCONCLUSIVE, TOO_FEW, Trade, describe_trade
from bench.translation import N_, gettext

TOPIC = "cost_latency"
REMARK = N_(
    "No chart of CPU time against latency: this run does not show whether servers that spend less CPU time are slower, "
    "because no two valid ones differ in both figures by more than their intervals."
)


def answered(requests: Sequence[ChartRequest], tables: ChartTables) -> tuple[list[ChartRequest], dict[str, str]]:
    """Return the requests without such charts, and a remark for each scenario that lost one."""
    unanswered = [request for request in requests if request.topic == TOPIC and not _has_answer(request, tables)]
    remarks = {request.sweep.scenario: gettext(REMARK) for request in unanswered}
    return [request for request in requests if request not in unanswered], remarks


def _has_answer(request: ChartRequest, tables: ChartTables) -> bool:
    points = (select_points(tables.summary, request.sweep, name) for name in ("cpu_us_per_request", "latency_p99_us"))
    costs, waits = points
    cost_of = {(point.arm, point.connections): point for point in costs}
    trades = [
        Trade(cost_of[point.arm, point.connections], point)
        for point in waits
        if (point.arm, point.connections) in cost_of
    ]
    most = max((trade.p99.connections for trade in trades if trade.drawable), default=0)
    shown = [trade for trade in trades if trade.p99.connections == most]
    return any(
        describe_trade(shown, transport)
        not in [gettext(text, transport=transport.upper()) for text in (INCONCLUSIVE, TOO_FEW)]
        for transport in ("tcp", "udp")
    )

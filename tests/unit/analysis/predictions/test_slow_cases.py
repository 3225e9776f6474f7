import math
from typing import Any

import pandas as pd
import pytest

from bench.analysis.predictions.slow_clients import breaks_from, most_clients
from bench.analysis.predictions.summary_columns import add_predictions
from bench.analysis.predictions.units import ComputeUnits
from bench.plan.definition import Plan
from bench.plan.toml import decode
from bench.schema.arms import Arm

COUNTS = (0, 16, 64, 1024, 4096)


def make_plan(others: str = "silent") -> Plan:
    return decode(
        f"""
name = "plan"
models = ["asyncio"]
transports = ["tcp"]
baseline = "none"
[[scenarios]]
name = "slow"
question = "q"
protocol = "work"
connections = {list(COUNTS)}
seconds = 0.3
[[scenarios.populations]]
name = "quiet"
connections = 16
rate_rps = 4000
[[scenarios.populations]]
name = "others"
behaviour = "{others}"
""",
        "text",
    )


def predicted(
    arm: str, plan: Plan, p99_us: float = 200.0, workers: int = 1, skipped_from: float = math.inf
) -> dict[int, dict[Any, Any]]:
    """Return the rows of the quiet clients by the number of others. A process has 5 descriptors of its own."""
    processes = workers + 1 if workers > 1 else 1
    points = [
        {
            "arm": arm,
            "scenario": "slow",
            "connections": count,
            "message_bytes": 64,
            "population": population,
            "phase": "",
            "rate_rps": 4000.0 if population == "quiet" and count < skipped_from else math.nan,
            "status": "ok" if count < skipped_from else "skipped",
        }
        for count in COUNTS
        for population in ("quiet", "others")
    ]
    trials = pd.DataFrame(points).assign(python="cpython 3.11.7", workers=float(workers), server_cpus="1")
    trials = trials.assign(descriptors=5.0 * processes + 16 + trials["connections"], processes=float(processes))
    summary = pd.DataFrame(points).assign(metric="latency_p99_us", unit="us", median=p99_us, verdict="valid")
    summary.loc[summary["status"] == "skipped", "median"] = math.nan
    table = add_predictions(summary, trials, plan, ComputeUnits({}), machine_cpus=2)
    assert set(table[table["population"] == "others"]["prediction"]) == {""}
    return {row["connections"]: row for row in table.to_dict("records") if row["population"] == "quiet"}


@pytest.mark.parametrize(
    ("model", "workers", "breaks_at"),
    [
        ("iterative", 1, 0),  # 16 quiet clients are more than it serves
        ("thread_pool", 1, 64),  # from 49 on
        ("socketserver_forking", 1, 64),  # from 25 on
        ("select", 1, 1024),  # from 1,004 on: 1,024 descriptors, of which it needs 5 itself
        ("multiprocessing", 2, 4096),  # from 2,023 on
        ("asyncio", 1, math.inf),
        ("epoll", 1, math.inf),
        ("asyncio_blocking", 1, math.inf),  # a client that sends nothing does not block the loop
        ("thread_per_client", 1, math.inf),
    ],
)
def test_servers_break_where_slow_clients_hold_all_that_they_have(model: str, workers: int, breaks_at: float) -> None:
    rows = predicted(f"{model}/tcp", make_plan(), workers=workers)
    assert min((count for count in COUNTS if rows[count]["predicted"] == math.inf), default=math.inf) == breaks_at
    assert all(math.isnan(rows[count]["predicted"]) for count in COUNTS if count < breaks_at)


def test_loss_of_replies_is_compared_with_the_prediction() -> None:
    lost = predicted("thread_pool/tcp", make_plan("trickle"), p99_us=math.inf)[64]
    assert (lost["prediction"], lost["prediction_form"]) == ("as predicted", "held by slow clients")
    served = predicted("thread_pool/tcp", make_plan("never_reads"))[64]
    assert (served["prediction_ratio"], served["prediction"]) == (0.0, "not explained by this")


def test_skipped_rows_have_the_prediction_without_a_word() -> None:
    rows = predicted("thread_pool/tcp", make_plan(), skipped_from=64)
    assert (rows[64]["status"], rows[64]["predicted"], rows[64]["prediction"]) == ("skipped", math.inf, "")
    assert math.isnan(rows[16]["predicted"])


@pytest.mark.parametrize("arm", [Arm("thread_pool", "udp").name, Arm("my_server", "tcp").name])
def test_other_arms_have_no_prediction(arm: str) -> None:
    assert all(row["prediction"] == "" for row in predicted(arm, make_plan()).values())


def test_busy_clients_are_no_slow_ones() -> None:
    assert all(row["prediction"] == "" for row in predicted("thread_pool/tcp", make_plan("normal")).values())


def test_most_clients_is_the_first_limit() -> None:
    assert most_clients(1) == 1
    assert most_clients(None) == math.inf
    assert most_clients(None, descriptors=1024, own_descriptors=5) == 1019
    assert most_clients(64, descriptors=1024) == 64
    assert breaks_from(64, others=16) == 49
    assert breaks_from(1, others=16) == 0

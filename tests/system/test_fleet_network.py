"""A run over three hosts with clocks of their own, which nothing compares."""

from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="runs over several machines need the extra cluster")

from bench.fleet import fleet_run
from bench.plan.toml import decode
from tests.support.network_fleet import network_fleet
from tests.support.silent_observer import SilentObserver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = ("lab1", "lab2", "lab3")
PLAN = """
name = "network"
models = ["select"]
transports = ["tcp", "udp"]
control = "none"
baseline = "none"
seed = 5
blocks = 1
slice_s = 0.05

[[scenarios]]
name = "capacity"
connections = [4]
seconds = 0.2

[[scenarios]]
name = "latency"
connections = [4]
seconds = 0.2
rate_rps = 500
"""


def test_hosts_with_other_clocks_measure_one_load_together(tmp_path: Path) -> None:
    with network_fleet(tmp_path / "keys", NAMES) as (fleet, roles, _):
        assert {agent.hostname for agent in fleet.agents.values()} == set(NAMES)
        outcome = fleet_run.run(fleet, roles, decode(PLAN, "of the test"), tmp_path / "out", SilentObserver())
        outcome.folder.unlock()
    assert outcome.failure == ""
    run = outcome.folder.read()
    trials, preflight = run.trials, run.environment["preflight"]
    assert {finding["state"] for finding in preflight if finding["name"] == "hosts"} == {"bad"}  # all on this machine
    assert {finding["value"] for finding in preflight if finding["name"].startswith("MTU")} == {"1500 bytes"}
    assert set(trials["status"]) == {"ok"}
    open_loop = trials[trials["loop"] == "open"]
    assert (open_loop["unsent"] == 0).all()
    # A clock that was compared with another would be off by hundreds of seconds, and no request would count.
    assert (open_loop["sent"] > 50).all()
    assert (open_loop["service_p99_us"].dropna() < 1e6).all()

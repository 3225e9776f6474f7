"""Paths of a run over several hosts, and loads that the network limits."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("distributed", reason="runs over several machines need the extra cluster")

from bench.experiment.loopback_control import ROUNDS
from bench.fleet import fleet_run
from bench.plan.toml import decode
from bench.report.build import build
from tests.support.network_fleet import network_fleet
from tests.support.silent_observer import SilentObserver

if TYPE_CHECKING:
    from bench.store.reader import RunData

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LIMIT_MBIT = 20
PLAN = """
name = "network"
models = ["select"]
transports = ["tcp", "udp"]
seed = 5
blocks = 1
slice_s = 0.05

[[scenarios]]
name = "capacity"
connections = [8]
message_bytes = [1200]
seconds = 0.6
"""


def measure(tmp_path: Path, limit_mbit: int | None) -> "RunData":
    """Measure the plan over two hosts that send at most at a rate."""
    with network_fleet(tmp_path / "keys", ("lab1", "lab2")) as (fleet, roles, hosts):
        if limit_mbit is not None:
            for host in hosts.values():
                host.limit_rate(limit_mbit)
        observer = SilentObserver()
        outcome = fleet_run.run(fleet, roles, decode(PLAN, "of the test"), tmp_path / "out", observer)
        outcome.folder.unlock()
    assert outcome.failure == ""
    return outcome.folder.read()


def found_before(run: "RunData") -> dict[str, dict[str, str]]:
    return {finding["name"]: finding for finding in run.environment["preflight"]}


def test_load_that_fills_the_network_is_invalid(tmp_path: Path) -> None:
    run = measure(tmp_path, LIMIT_MBIT)
    found, trials = found_before(run), run.trials[run.trials["status"] == "ok"]
    assert found["bandwidth of the path to lab2"]["state"] == "bad"
    native = found["native over the network (tcp)"]
    assert (native["state"], native["value"].endswith("the network is the limit")) == ("bad", True)
    assert trials["codes"].str.contains("WIRE_LIMIT").all()
    assert set(trials["verdict"]) == {"invalid"}
    assert set(trials["limited_by"]) == {"network"}


def test_load_far_below_the_bandwidth_is_not_limited_by_it(tmp_path: Path) -> None:
    run = measure(tmp_path, None)
    found, trials = found_before(run), run.trials[run.trials["status"] == "ok"]
    assert found["MTU of the path to lab2"]["value"] == "1500 bytes"
    assert found["loss of the path to lab2"]["value"].startswith("0 of ")
    assert "lab2: eth0, speed unknown, GRO" in found["interfaces of the path to lab2"]["value"]
    assert {f"{name} of {host}" for name in ("CPUs", "governor") for host in ("lab1", "lab2")} <= found.keys()
    assert not trials["codes"].fillna("").str.contains("WIRE_LIMIT").any()
    assert "network" not in set(trials["limited_by"])
    control = run.environment["loopback_control"]
    assert (control["arm"], control["connections"], control["message_bytes"]) == ("select/tcp~control", 8, 1200)
    assert len(control["log_ratios"]) == ROUNDS
    report = build(run, None)
    assert any(note.startswith("Noise of the network") for note in report.notes)

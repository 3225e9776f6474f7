"""The latency of a quiet population equals arithmetic over the server's own time stamps, whatever others do."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.selftest.oracle import lindley
from clients.engine.threads import Threads
from clients.generator import PopulationsGenerator, compile_populations
from tests.generator.loads import make_tcp_spec
from tests.support.commands import start_python

pytestmark = pytest.mark.serial

SERVICE_NS = 1_000_000
QUIET = 4  # connections of the quiet population, which have the first numbers


def load_reference_server(threads: Threads, folder: Path, others: dict[str, dict[str, Any]]) -> tuple[Any, Any]:
    """Load a server that takes 1 ms for each request, one at a time. Returns its stamps and the quiet raw rows."""
    stamps_file = folder / "stamps.csv"
    options = ["--service-ns", str(SERVICE_NS), "--stamps", str(stamps_file)]
    with start_python("-m", "servers.reference", *options) as server:
        assert server.stdout is not None
        spec = make_tcp_spec(json.loads(server.stdout.readline())["port"], raw_rows=10_000)
        specs = {"quiet": replace(spec, connections=QUIET, rate_rps=200.0)}
        specs |= {name: replace(spec, **changes) for name, changes in others.items()}
        with PopulationsGenerator(specs, threads) as generator:
            generator.open()
            generator.load(0.5, seed=1)
            raw = generator.populations["quiet"].raw()
            tally = generator.populations["quiet"].totals.tally
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert tally["ok"] == tally["scheduled"] == len(raw) > 50
    return np.genfromtxt(stamps_file, delimiter=",", names=True, dtype=np.int64, usecols=range(5)), raw


@pytest.mark.parametrize("others", [{}, {"greedy": {"connections": 2, "depth": 4}, "idle": {"behaviour": "silent"}}])
def test_quiet_latency_is_the_servers_own_arithmetic(
    threads: Threads, tmp_path: Path, others: dict[str, dict[str, Any]]
) -> None:
    compile_populations()
    stamps, raw = load_reference_server(threads, tmp_path, others)
    stamps = stamps[np.argsort(stamps["arrival_ns"], kind="stable")]
    departures = lindley(stamps["arrival_ns"].astype(np.float64) - stamps["arrival_ns"][0], SERVICE_NS)
    assert stamps["planned_ns"] - stamps["arrival_ns"][0] == pytest.approx(departures, abs=1)

    of_quiet = stamps[stamps["connection"] < QUIET]
    planned = {(row["connection"], row["number"]): row for row in of_quiet}
    assert len(planned) == len(raw)
    for row in raw:
        stamp = planned[row["connection"], row["number"]]
        assert row["intended_ns"] <= row["sent_ns"] <= stamp["arrival_ns"]
        assert stamp["planned_ns"] <= stamp["sent_ns"] <= row["received_ns"]
    waits_ns = np.array([stamp["planned_ns"] - stamp["arrival_ns"] for stamp in planned.values()])
    if others:  # up to eight requests are always ahead of a quiet one
        assert 2 * SERVICE_NS < np.median(waits_ns) <= (2 * 4 + QUIET) * SERVICE_NS
    else:
        assert np.median(waits_ns) < 2 * SERVICE_NS

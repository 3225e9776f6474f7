"""Loads whose rates change over time, against servers of known behaviour."""

import contextlib
import os
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.engine.threads import Threads
from clients.generator import LoadGenerator, PopulationsGenerator, compile_populations
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec, Phase
from clients.measurement import lost_of
from clients.population_counts import PopulationCounts
from clients.population_document import make_population_document
from tests.generator.loads import make_tcp_spec, make_udp_spec
from tests.support.scripted_servers import HOST, echo, start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial

LEDGER = ("ok", "late", "lost", "corrupt")


@pytest.fixture(scope="module", autouse=True)
def _compiled_populations() -> None:
    compile_populations()


def run_phases(threads: Threads, spec: LoadSpec, warmup_s: float = 0.0) -> dict[str, Any]:
    """Load a server and return the document, after checking that the counts of the phases add up."""
    seconds = sum(phase.seconds for phase in spec.phases)
    with LoadGenerator(spec, threads) as generator:
        generator.open()
        generator.load(seconds + warmup_s, warmup_s, seed=5)
        document = make_population_document(PopulationCounts.of(generator.population), threads.cpus, LoadContext())
    for part in (document, *document["phases"]):
        assert part["sent"] == sum(part["ledger"][outcome] for outcome in LEDGER)
        if spec.open_loop and part["scheduled"] is not None:
            assert part["scheduled"] == part["sent"] + part["unsent"]
    if not warmup_s:
        for key in ("sent", "unsent", "retried"):
            assert sum(phase[key] for phase in document["phases"]) == document[key]
        for outcome in LEDGER:
            assert sum(phase["ledger"][outcome] for phase in document["phases"]) == document["ledger"][outcome]
    return document


def test_each_phase_has_its_rate_and_its_ledger(threads: Threads) -> None:
    phases = (Phase("low", 0.2, 500.0), Phase("off", 0.1, active=False), Phase("high", 0.2, 2000.0))
    with start_tcp_server(echo) as port:
        document = run_phases(threads, make_tcp_spec(port, connections=4, phases=phases, arrivals="constant"))
    assert [phase["scheduled"] for phase in document["phases"]] == [100, None, 400]
    assert document["phases"][1]["sent"] == 0
    assert [phase["duration_s"] for phase in document["phases"]] == [pytest.approx(s) for s in (0.2, 0.1, 0.2)]
    assert document["phases"][2]["throughput_rps"] == pytest.approx(2000, rel=0.05)


@pytest.mark.parametrize(
    ("rate_rps", "seconds", "scheduled"),
    # The gap between two arrivals divides the phase; it does not as a binary fraction; the last arrival is cut off.
    [(100_000.0, 0.01, 1000), (30_000.0, 0.01, 300), (70.0, 0.1, 7), (250.0, 0.0101, 3)],
)
def test_constant_phase_schedules_rate_times_length(rate_rps: float, seconds: float, scheduled: int) -> None:
    phases = (Phase("burst", seconds, rate_rps), Phase("rest", 0.05, active=False))
    cpu = min(os.sched_getaffinity(0))
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, connections=8, phases=phases, arrivals="constant")
        for cpus in ([cpu], [cpu, cpu]):
            with contextlib.closing(Threads(cpus)) as threads:
                document = run_phases(threads, spec, warmup_s=0.0123)
            assert document["phases"][0]["scheduled"] == scheduled


def test_closed_loop_pauses_in_an_inactive_phase(threads: Threads) -> None:
    times: list[float] = []

    def serve(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(65536):
            times.append(time.monotonic())
            conn.sendall(data)

    phases = (Phase("on", 0.15), Phase("off", 0.15, active=False), Phase("again", 0.15))
    with start_tcp_server(serve) as port:
        document = run_phases(threads, make_tcp_spec(port, phases=phases), warmup_s=0.05)
    sent = [phase["sent"] for phase in document["phases"]]
    assert sent[0] > 20 < sent[2]
    assert sent[1] == 0
    assert max(np.diff(times)) >= 0.14


def test_request_belongs_to_the_phase_in_which_it_was_due(threads: Threads) -> None:
    """The server answers one request every 10 ms: most requests of the peak are sent and answered after it."""

    def slow(conn: socket.socket, _number: int) -> None:
        while data := conn.recv(64):
            time.sleep(0.01)
            conn.sendall(data)

    phases = (Phase("peak", 0.1, 300.0), Phase("rest", 0.4, active=False))
    with start_tcp_server(slow) as port:
        document = run_phases(threads, make_tcp_spec(port, phases=phases, arrivals="constant"))
    peak, rest = document["phases"]
    assert peak["scheduled"] == 30
    assert peak["ledger"]["ok"] == peak["sent"] == peak["scheduled"]
    assert rest["sent"] == 0
    assert peak["replies"] < 15 < rest["replies"]
    assert peak["latency_us"]["p50"] > 50_000
    goodput = document["goodput"]
    arrivals_s = np.repeat(np.arange(len(goodput["replies"])) * goodput["bin_s"], goodput["replies"])
    assert len(arrivals_s) == peak["sent"]
    assert arrivals_s.max() > 0.2
    used = [us for us in goodput["latency_us"] if us is not None]
    assert used[-1] > used[0] > 5_000


def test_connect_belongs_to_the_phase_in_which_its_session_was_due(threads: Threads) -> None:
    """The listen queue holds two connects. The others return after the retransmission of their SYN, a phase later."""
    phases = (Phase("burst", 0.02, 400.0), Phase("rest", 0.5, active=False))
    with socket.create_server((HOST, 0), backlog=1) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):  # the listener is shut down
                while True:
                    conn, _ = listener.accept()
                    with conn:
                        conn.sendall(conn.recv(65536))

        serving = threading.Timer(0.3, serve)
        serving.start()
        changes = {"connections": 8, "lifecycle": "per_request", "arrivals": "constant", "timeout_s": 20.0}
        document = run_phases(threads, make_tcp_spec(listener.getsockname()[1], phases=phases, **changes))
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()
    burst, rest = document["phases"]
    assert burst["connect_us"]["count"] == document["connect_us"]["count"] == burst["scheduled"] > 4
    assert rest["connect_us"] is None
    assert burst["connect_us"]["max"] >= 900_000


def test_lost_and_late_datagrams_belong_to_their_phase(threads: Threads) -> None:
    def drop(number: int, datagram: bytes) -> list[bytes]:
        return [] if number % 5 == 0 else [datagram]

    phases = (Phase("a", 0.15, 400.0), Phase("b", 0.15, 400.0))
    with start_udp_server(drop) as port:
        document = run_phases(threads, make_udp_spec(port, connections=8, phases=phases))
    for phase in document["phases"]:
        assert phase["ledger"]["lost"] == pytest.approx(phase["sent"] / 5, abs=3)


def test_failed_requests_are_in_the_bins_in_which_they_ended(threads: Threads) -> None:
    """Every fifth datagram is dropped, so its request is given up after the timeout: not before 0.05 s."""

    def drop(number: int, datagram: bytes) -> list[bytes]:
        return [] if number % 5 == 0 else [datagram]

    phases = (Phase("load", 0.2, 400.0), Phase("rest", 0.4, active=False))
    with start_udp_server(drop) as port:
        document = run_phases(threads, make_udp_spec(port, connections=8, phases=phases, timeout_s=0.05))
    goodput = document["goodput"]
    assert sum(goodput["failed"]) == document["ledger"]["lost"] > 5
    assert sum(goodput["replies"]) == document["ledger"]["ok"]
    assert not any(goodput["failed"][: int(0.05 / goodput["bin_s"])])


def test_reset_connections_are_failures_of_their_bins(threads: Threads) -> None:
    def answer_once(conn: socket.socket, _number: int) -> None:
        conn.sendall(conn.recv(65536))
        conn.recv(65536)

    phases = (Phase("load", 0.2, 200.0), Phase("rest", 0.4, active=False))
    with start_tcp_server(answer_once) as port:
        document = run_phases(threads, make_tcp_spec(port, connections=4, phases=phases))
    assert document["ledger"]["ok"] >= 4
    assert sum(document["goodput"]["failed"]) == document["ledger"]["lost"] > 0


def test_stopped_load_has_empty_phases(threads: Threads) -> None:
    phases = (Phase("a", 0.2, 200.0), Phase("b", 60.0, 200.0))
    with start_tcp_server(echo) as port, LoadGenerator(make_tcp_spec(port, phases=phases), threads) as generator:
        generator.open()
        loading = threading.Thread(target=generator.load, args=(60.2,))
        loading.start()
        while not generator.population.buffers[0].counters.any():
            pass
        generator.stop()
        loading.join(timeout=10)
        assert not loading.is_alive()
        parts = generator.population.phase_slices
    assert parts[1].slice_.duration_s == 0
    assert parts[1].slice_.counts.tally["sent"] == 0


def test_population_without_phases_has_all_of_them(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, phases=(Phase("a", 0.1, 300.0), Phase("b", 0.1, 900.0)))
        steady = replace(spec, phases=(), connections=2)
        idle = replace(steady, behaviour="silent")
        with PopulationsGenerator({"changing": spec, "steady": steady, "idle": idle}, threads) as generator:
            generator.open()
            generator.load(0.2)
            for population in generator.populations.values():
                assert [part.phase.name for part in population.phase_slices] == ["a", "b"]
            tallies = [part.slice_.counts.tally for part in generator.populations["steady"].phase_slices]
    assert all(tally["ok"] > 20 and lost_of(tally) == 0 for tally in tallies)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases": [["a", 1.0], ["a", 1.0]]}, "two have the same name"),
        ({"phases": [["a", 0.0]]}, "seconds of phase 'a': 0.0 is not a number"),
        ({"phases": [["", 1.0]]}, "phase '' is not a name"),
        ({"phases": [["a", 1.0, -1.0]]}, "rate_rps of phase 'a': -1.0 is not"),
        ({"phases": [["a", 1.0, 5.0], ["b", 1.0]]}, "give each active phase a rate"),
        ({"phases": [["a", 1.0, 5.0, True, 7]]}, "each has a name, seconds, rate_rps and active"),
        ({"phases": 7}, "phases is not a list of at most 32 phases"),
        ({"phases": [["a", 1.0]], "rate_rps": 5.0}, "phases have their own rates"),
        ({"phases": [["a", 1.0]], "think_s": 5.0}, "phases and think_s 5 contradict"),
    ],
)
def test_load_spec_rejects_wrong_phases(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_tcp_spec(7, **changes)


def test_phases_must_fill_the_load(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, phases=[["a", 0.1]])
        with LoadGenerator(spec, threads) as generator, pytest.raises(ValueError, match=r"the phases last 0\.1 s"):
            generator.load(5.0)

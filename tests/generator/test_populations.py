"""Several populations of clients in one loop."""

import os
import socket
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.engine.threads import Threads
from clients.generator import PopulationsGenerator, compile_populations
from clients.load_spec import LoadSpec
from clients.measurement import lost_of
from tests.generator.loads import make_tcp_spec, make_udp_spec
from tests.support.frame_servers import Frame, answer_frames
from tests.support.scripted_servers import echo, start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module", autouse=True)
def _compiled_populations() -> None:
    compile_populations()


def run_populations(
    threads: Threads, specs: dict[str, LoadSpec], seconds: float = 0.2, slices: int = 1
) -> dict[str, Any]:
    """Load a server and return the tally of each population, after checking that each adds up."""
    with PopulationsGenerator(specs, threads) as generator:
        generator.open()
        for _ in range(slices):
            generator.load(seconds)
        tallies = {name: population.totals.tally for name, population in generator.populations.items()}
    for tally in tallies.values():
        assert tally["sent"] == tally["ok"] + tally["late"] + lost_of(tally) + tally["corrupt"]
    return tallies


def test_each_population_has_its_own_ledger(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        closed = make_tcp_spec(port, connections=3)
        specs = {"closed": closed, "open": replace(closed, connections=5, rate_rps=500.0), "idle": closed}
        specs["idle"] = replace(closed, connections=20, behaviour="silent")
        tallies = run_populations(threads, specs, slices=2)
    assert tallies["closed"]["ok"] == tallies["closed"]["sent"] > 100
    assert tallies["open"]["ok"] == tallies["open"]["scheduled"] > 100
    assert tallies["idle"]["sent"] == 0
    assert [tallies[name]["connects"] for name in specs] == [3, 5, 20]


def test_connections_of_populations_have_different_numbers(threads: Threads) -> None:
    frames: list[Frame] = []
    with start_tcp_server(lambda conn, _: answer_frames(conn, frames.append)) as port:
        spec = make_tcp_spec(port, protocol="work", connections=3, wait_us=1000)
        tallies = run_populations(threads, {"a": spec, "b": replace(spec, compute_units=1)})
    assert {frame.connection for frame in frames if frame.compute == 0} == {0, 1, 2}
    assert {frame.connection for frame in frames if frame.compute == 1} == {3, 4, 5}
    assert sum(tally["ok"] for tally in tallies.values()) == len(frames)


def test_populations_are_divided_among_threads() -> None:
    cpus = sorted(os.sched_getaffinity(0))
    threads = Threads([cpus[0], cpus[-1]])
    try:
        with start_tcp_server(echo) as port:
            one = make_tcp_spec(port, rate_rps=300.0)
            tallies = run_populations(threads, {"a": one, "b": one, "c": replace(one, connections=3)})
    finally:
        threads.close()
    for tally in tallies.values():
        assert tally["ok"] == tally["scheduled"] > 20


def test_schedules_of_populations_differ_and_follow_from_the_seed(threads: Threads) -> None:
    def intended_s(seed: int) -> list[Any]:
        with start_tcp_server(echo) as port:
            spec = make_tcp_spec(port, rate_rps=500.0, raw_rows=1000)
            with PopulationsGenerator({"a": spec, "b": spec}, threads) as generator:
                generator.open()
                slices = generator.load(0.2, seed=seed)
                start_ns = slices["a"].start_s * 1e9
                return [
                    np.sort(population.raw()["intended_ns"]) - start_ns for population in generator.populations.values()
                ]

    first, again = intended_s(5), intended_s(5)
    for own, repeated in zip(first, again, strict=True):
        assert own == pytest.approx(repeated, abs=1000)
    assert len(first[0]) != len(first[1]) or first[0] != pytest.approx(first[1], abs=1000)


def test_populations_over_udp_share_a_loop(threads: Threads) -> None:
    with start_udp_server(lambda number, datagram: [] if number % 10 == 0 else [datagram]) as port:
        spec = make_udp_spec(port, connections=4)
        tallies = run_populations(threads, {"a": spec, "b": replace(spec, rate_rps=1000.0, depth=4)})
    assert all(tally["ok"] > 50 and lost_of(tally) > 0 for tally in tallies.values())


def test_population_in_sessions_beside_a_persistent_one(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, connections=2)
        sessions = replace(spec, lifecycle="session", requests_per_session=3)
        tallies = run_populations(
            threads, {"storm": replace(sessions, lifecycle="per_request"), "a": spec, "s": sessions}
        )
    assert tallies["storm"]["connects"] == tallies["storm"]["ok"] > 10
    assert tallies["s"]["ok"] == 3 * tallies["s"]["connects"] > 10
    assert tallies["a"]["connects"] == 2


def test_closes_of_silent_clients_are_counted_and_they_return(threads: Threads) -> None:
    def close_at_once(conn: socket.socket, number: int) -> None:
        if number > 4:
            conn.recv(1)

    with start_tcp_server(close_at_once) as port:
        spec = make_tcp_spec(port, connections=4, behaviour="silent")
        tally = run_populations(threads, {"idle": spec})["idle"]
    assert tally["closed"] == 4
    assert tally["connects"] == 8
    assert tally["sent"] == 0


def test_load_of_populations_ends_though_no_server_answers(threads: Threads) -> None:
    def mute(conn: socket.socket, _number: int) -> None:
        while conn.recv(65536):
            pass

    with start_tcp_server(mute) as port:
        spec = make_tcp_spec(port, connections=3, timeout_s=0.05)
        specs = {
            "a": spec,
            "b": replace(spec, rate_rps=100.0),
            "slow": replace(spec, behaviour="trickle", trickle_s=0.001),
        }
        tallies = run_populations(threads, specs)
    assert all(lost_of(tally) == tally["sent"] > 0 for tally in tallies.values())


def test_stop_ends_all_populations(threads: Threads) -> None:
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, connections=2)
        with PopulationsGenerator({"a": spec, "b": replace(spec, rate_rps=100.0)}, threads) as generator:
            generator.open()
            loading = threading.Thread(target=generator.load, args=(60.0,))
            loading.start()
            while not generator.populations["a"].buffers[0].counters.any():
                pass
            generator.stop()
            loading.join(timeout=10)
            assert not loading.is_alive()

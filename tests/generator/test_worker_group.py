"""Several generators that load one server together, and answer as one."""

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.counts_transfer import slice_to_plain, to_plain
from clients.engine.threads import Threads
from clients.generator import LoadGenerator, compile_populations
from clients.load_context import LoadContext
from clients.load_division import divide
from clients.load_spec import LoadSpec, Phase
from clients.merged_counts import merge_population_slices, merge_populations
from clients.population_counts import PopulationCounts, PopulationSlice
from clients.population_document import make_population_document
from clients.worker import Worker
from clients.worker_group import WorkerGroup
from tests.generator.loads import make_tcp_spec, make_udp_spec
from tests.support.scripted_servers import HOST, echo, start_tcp_server, start_udp_server

pytestmark = pytest.mark.serial

TIMEOUT_S = 60.0
LEDGER = ("ok", "late", "lost", "corrupt")


@pytest.fixture(scope="module", autouse=True)
def _compiled_populations() -> None:
    compile_populations()


class ThreadMember:
    """A generator in a thread of the test. Its loop runs without the interpreter lock."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._commands: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        worker = Worker(())
        while (command := self._commands.get()) is not None:
            # As on another machine: what passes is text.
            self._answers.put(json.loads(json.dumps(worker.answer(json.loads(json.dumps(command))))))
        worker.close()

    def send(self, command: Mapping[str, Any]) -> None:
        self._commands.put(command)

    def receive(self, timeout_s: float) -> dict[str, Any]:
        return self._answers.get(timeout=timeout_s)

    def stop(self) -> None:
        self._commands.put(None)
        self._thread.join(TIMEOUT_S)


@contextmanager
def start_group(count: int = 2) -> Iterator[WorkerGroup]:
    with ExitStack() as stack:
        members = [ThreadMember(f"gen{k}") for k in range(count)]
        for member in members:
            stack.callback(member.stop)
        yield WorkerGroup(members)


def ask(group: WorkerGroup, **command: Any) -> dict[str, Any]:
    answer = group.answer(command, TIMEOUT_S)
    assert answer.pop("ok"), answer
    return answer


def settings(port: int, **changes: Any) -> dict[str, Any]:
    return {"transport": "tcp", "host": HOST, "port": port, "timeout_s": 5.0, **changes}


def assert_adds_up(document: Mapping[str, Any]) -> None:
    assert document["sent"] == sum(document["ledger"][outcome] for outcome in LEDGER)


@pytest.mark.parametrize(
    ("connections", "generators", "shares"), [(64, 2, [32, 32]), (5, 3, [2, 2, 1]), (1, 2, [1, 0])]
)
def test_shares_of_a_load_add_up_to_it(connections: int, generators: int, shares: list[int]) -> None:
    phases = (Phase("low", 0.1, 300.0), Phase("high", 0.1, 900.0))
    whole = make_tcp_spec(1, connections=connections, phases=phases)
    found = [part for part in divide(whole, generators) if part is not None]
    assert [part.connections for part in found] == [share for share in shares if share]
    assert [(part.generator, part.generators) for part in found] == [(k, len(found)) for k in range(len(found))]
    for number, phase in enumerate(phases):
        assert sum(part.phases[number].rate_rps for part in found) == pytest.approx(phase.rate_rps)


def test_counts_survive_the_transfer_and_add_up(threads: Threads) -> None:
    phases = (Phase("low", 0.1, 500.0), Phase("high", 0.1, 2000.0))
    with start_tcp_server(echo) as port:
        spec = make_tcp_spec(port, connections=3, phases=phases)
        with LoadGenerator(spec, threads) as generator:
            generator.open()
            slice_ = generator.load(0.2)
            counts = PopulationCounts.of(generator.population)
    load = PopulationSlice(generator.spec, slice_, tuple(generator.population.phase_slices))
    plain = json.loads(json.dumps([to_plain(counts), slice_to_plain(load)]))
    returned, returned_load = (
        merge_populations(plain[:1], counts.spec),
        merge_population_slices(plain[1:], counts.spec),
    )

    def document(found: PopulationCounts) -> dict[str, Any]:
        return make_population_document(found, threads.cpus, LoadContext())

    assert document(returned) == document(counts)
    assert np.array_equal(returned_load.slice_.counts.primary, slice_.counts.primary)
    assert returned_load.slice_.usage == slice_.usage
    both = document(merge_populations([plain[0], plain[0]], counts.spec))
    assert both["sent"] == 2 * document(counts)["sent"]
    assert both["latency_us"]["count"] == 2 * document(counts)["latency_us"]["count"]
    assert both["latency_us"]["p50"] == document(counts)["latency_us"]["p50"]
    assert both["goodput"]["replies"] == [2 * count for count in document(counts)["goodput"]["replies"]]
    assert [phase["sent"] for phase in both["phases"]] == [2 * phase["sent"] for phase in document(counts)["phases"]]


def test_generators_together_send_what_was_asked_for() -> None:
    with start_udp_server(lambda _, data: [data]) as port, start_group() as group:
        load = settings(port, transport="udp", connections=5, rate_rps=2000.0, arrivals="constant", timeout_s=1.0)
        assert ask(group, do="open", id="a", settings=load) == {"connected": 5}
        for _ in range(2):
            figures = ask(group, do="slice", id="a", seconds=0.15, warmup_s=0.05, seed=3)["slice"]
            assert figures["duration_s"] == pytest.approx(0.1)
            assert set(figures["generators"]) == {"gen0", "gen1"}
            assert sum(each["sent"] for each in figures["generators"].values()) == figures["sent"]
        document = ask(group, do="close", id="a")["document"]
    assert_adds_up(document)
    assert document["connections"] == 5
    assert document["rate_rps"] == 2000.0
    assert document["latency_us"]["count"] == pytest.approx(400, abs=4)  # of the two windows of 0.1 s
    assert sum(document["ledger"][outcome] for outcome in LEDGER) == document["sent"]


def test_closed_loop_of_two_generators_counts_only_its_windows() -> None:
    served = [0]

    def count(conn: Any, _number: int) -> None:
        while data := conn.recv(65536):
            served[0] += 1
            conn.sendall(data)

    with start_tcp_server(count) as port, start_group() as group:
        assert ask(group, do="open", id="a", settings=settings(port, connections=2, message_bytes=32)) == {
            "connected": 2
        }
        figures = ask(group, do="slice", id="a", seconds=0.2, warmup_s=0.0)["slice"]
        closed = ask(group, do="close", id="a")
    document = closed["document"]
    assert_adds_up(document)
    assert document["ledger"]["ok"] == document["sent"] == served[0]
    # The warm-up and the end of each generator have requests that are not in its window.
    assert 0 < document["service_us"]["count"] < document["sent"]
    assert figures["throughput_rps"] * figures["duration_s"] == pytest.approx(document["service_us"]["count"], abs=4)
    assert figures["start_margin_us"] > 0
    assert document["in_flight_mean"] == pytest.approx(2, rel=0.1)
    assert sum(count for _, _, count in closed["histograms"]["service"]) == document["service_us"]["count"]


def test_populations_with_phases_are_divided_too() -> None:
    phases = [["low", 0.1, 400.0, True], ["high", 0.1, 1600.0, True]]
    with start_tcp_server(echo) as port, start_group() as group:
        many = {"name": "many", "settings": settings(port, connections=4, phases=phases, arrivals="constant")}
        one = {"name": "one", "settings": settings(port, connections=1, seed=7)}
        ask(group, do="prepare_populations")
        assert ask(group, do="open", id="a", populations=[many, one]) == {"connected": {"many": 4, "one": 1}}
        slices = ask(group, do="slice", id="a", seconds=0.2, warmup_s=0.0, seed=1)["slices"]
        closed = ask(group, do="close", id="a")
    assert set(slices["many"]["phases"]) == {"low", "high"}
    assert [phase["scheduled"] for phase in closed["documents"]["many"]["phases"]] == [40, 160]
    for document in closed["documents"].values():
        assert_adds_up(document)
    assert {"many", "one", "many/low", "many/high", "one/low", "one/high"} == set(closed["histograms"])


def test_rows_of_single_requests_have_the_connections_of_all() -> None:
    with start_tcp_server(echo) as port, start_group() as group:
        ask(group, do="open", id="a", settings=settings(port, connections=3, raw_rows=1000))
        ask(group, do="slice", id="a", seconds=0.02, warmup_s=0.0)
        rows = ask(group, do="raw", id="a")["rows"]
        ask(group, do="close", id="a")
    assert {row[0] for row in rows} == {0, 1, 2}
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)


def test_error_names_the_generator_and_leaves_no_load_open() -> None:
    with start_tcp_server(echo) as port, start_group() as group:
        other = ThreadMember("other")
        with ExitStack() as stack:
            stack.callback(other.stop)
            other.send({"do": "open", "id": "a", "settings": settings(port)})
            other.receive(TIMEOUT_S)
            first = ThreadMember("first")
            stack.callback(first.stop)
            clashing = WorkerGroup([first, other])
            answer = clashing.answer({"do": "open", "id": "a", "settings": settings(port, connections=2)}, TIMEOUT_S)
            assert answer == {"ok": False, "error": "generator other: id 'a' is open already; close it first"}
        answer = group.answer({"do": "slice", "id": "a", "seconds": 0.1, "warmup_s": 0.0}, TIMEOUT_S)
        assert answer == {"ok": False, "error": "id 'a' is not open"}
        invalid = group.answer({"do": "open", "id": "a", "settings": settings(port, connections=0)}, TIMEOUT_S)
        assert "connections 0" in invalid["error"]


def test_arrivals_differ_between_the_generators(threads: Threads) -> None:
    spec = make_udp_spec(1, connections=2, rate_rps=1000.0)
    first, second = (part for part in divide(spec, 2) if part is not None)
    seeds = []
    for part in (first, second, replace(first, generator=0)):
        with LoadGenerator(part, threads) as generator:
            generator.load(0.0, seed=5)
            seeds.append(int(generator.population.buffers[0].schedule["seed"]))
    assert seeds[0] == seeds[2] != seeds[1]


def test_mean_in_flight_is_that_of_all_threads() -> None:
    cpu_threads = Threads([0, 0])
    try:
        with start_tcp_server(echo) as port:
            spec = LoadSpec("tcp", HOST, port, connections=4, timeout_s=5.0)
            with LoadGenerator(spec, cpu_threads) as generator:
                generator.open()
                generator.load(0.2)
                document = make_population_document(
                    PopulationCounts.of(generator.population), cpu_threads.cpus, LoadContext()
                )
    finally:
        cpu_threads.close()
    assert document["in_flight_mean"] == pytest.approx(4, rel=0.1)

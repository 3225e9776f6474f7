"""Several populations by the worker's commands: the interface of holabench."""

from typing import Any

import pytest

from clients.worker import Worker
from tests.support.scripted_servers import HOST, echo, start_tcp_server

pytestmark = pytest.mark.serial


ABOUT_REPLIES = {"NO_REQUESTS_SENT", "NO_REPLIES", "LOSS", "STARVED_CONNECTIONS", "UNFAIR_SERVICE", "ERRORS"}


def codes_of(document: dict[str, Any]) -> set[str]:
    return {flag["code"] for flag in document["verdict"]["flags"]}


def make_population(name: str, port: int, **settings: Any) -> dict[str, Any]:
    return {"name": name, "settings": {"transport": "tcp", "host": HOST, "port": port, "timeout_s": 5.0, **settings}}


def ask(worker: Worker, **command: Any) -> dict[str, Any]:
    answer = worker.answer({"id": "a", **command})
    assert answer["ok"], answer
    return answer


def test_worker_loads_populations_together() -> None:
    worker = Worker(())
    try:
        with start_tcp_server(echo) as port:
            populations = [
                make_population("quiet", port, rate_rps=500.0),
                make_population("idle", port, connections=7, behaviour="silent"),
            ]
            opened = ask(worker, do="open", populations=populations)
            ask(worker, do="warm", seconds=0.05)
            first = ask(worker, do="slice", seconds=0.2, warmup_s=0.0, seed=3)
            ask(worker, do="slice", seconds=0.2, warmup_s=0.0, seed=3)
            ask(worker, do="discard")
            closed = ask(worker, do="close")
    finally:
        worker.close()
    assert opened["connected"] == {"quiet": 1, "idle": 7}
    assert first["slices"]["quiet"]["answered"] == first["slices"]["quiet"]["scheduled"] > 50
    assert first["slices"]["idle"]["sent"] == 0
    assert closed["documents"]["quiet"]["sent"] >= first["slices"]["quiet"]["sent"]
    assert codes_of(closed["documents"]["idle"]).isdisjoint(ABOUT_REPLIES)
    assert closed["documents"]["idle"]["connects"] == 7
    assert set(closed["histograms"]) == {"quiet", "idle"}
    assert "latency" in closed["histograms"]["quiet"]


def test_worker_reports_each_phase() -> None:
    phases = [["before", 0.1, 200.0], ["peak", 0.1, 2000.0], {"name": "off", "seconds": 0.1, "active": False}]
    worker = Worker(())
    try:
        with start_tcp_server(echo) as port:
            populations = [make_population("a", port, phases=phases), make_population("b", port, rate_rps=300.0)]
            ask(worker, do="open", populations=populations)
            slices = ask(worker, do="slice", seconds=0.35, warmup_s=0.05, seed=3)["slices"]
            closed = ask(worker, do="close")
    finally:
        worker.close()
    sent = [slices["a"]["phases"][name]["sent"] for name in ("before", "peak", "off")]
    assert sent[0] < sent[1] > 100
    assert sent[2] == 0
    assert [phase["name"] for phase in closed["documents"]["b"]["phases"]] == ["before", "peak", "off"]
    off = closed["documents"]["a"]["phases"][2]
    assert codes_of(off).isdisjoint(ABOUT_REPLIES)
    assert {"a", "b", "a/before", "a/peak", "b/off"} <= set(closed["histograms"])


@pytest.mark.parametrize(
    ("populations", "message"),
    [
        ([], "a load has 1 to 16 populations, not 0"),
        (["quiet"], "population quiet does not consist of name and settings"),
        ([make_population("", 7)], "population '': a name is text without /"),
        ([make_population("a/b", 7)], "population 'a/b': a name is text without /"),
        ([make_population("a", 7), make_population("a", 7)], "population 'a' occurs twice"),
        ([make_population("a", 7, colour="red")], "population 'a': colour is not a setting of a load"),
        ([make_population("a", 7, depth=0)], "population 'a': depth 0 is not a whole number"),
        ([make_population("a", 7, mix=5)], "population 'a'"),
        ([make_population("a", 7), make_population("b", 8)], "'a' and 'b' have different values of port"),
        (
            [make_population("a", 7, phases=[["x", 1]]), make_population("b", 7, phases=[["y", 1]])],
            "populations 'a' and 'b' have different phases",
        ),
        ([make_population("a", 7, behaviour="silent", rate_rps=5.0)], "behaviour 'silent' and rate_rps contradict"),
    ],
)
def test_worker_rejects_populations_in_one_line(populations: list[Any], message: str) -> None:
    worker = Worker(())
    try:
        answer = worker.answer({"do": "open", "id": "a", "populations": populations})
    finally:
        worker.close()
    assert not answer["ok"]
    assert message in answer["error"]
    assert "\n" not in answer["error"]

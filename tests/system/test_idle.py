"""Servers wait side by side in a block: an idle one must not use CPU time."""

from collections.abc import Iterator

import pytest

from bench.machine.process_usage import ProcessTree
from clients.engine.threads import Threads
from clients.generator import LoadGenerator, compile_loops
from clients.load_spec import LoadSpec
from servers.registry import TRANSPORTS
from tests.conformance.families import one_per_loop
from tests.support.servers import Server, describe, start_server
from tests.support.waiting import repeat_until, wait_until

pytestmark = [pytest.mark.serial, pytest.mark.slow]

ARMS = [(transport, model) for transport in TRANSPORTS for model in one_per_loop(transport)]
CLIENTS = 16
LOAD_S = 0.5
MAX_CPU_SHARE = 0.001
# The machine may disturb a few measurements: steal of its host counts as CPU time of the server, and so do ticks of
# processes that have just exited. A server that is not idle fails all of them.
ATTEMPTS = 12


@pytest.fixture(scope="module")
def busy_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server under load, one for each transport."""
    with start_server("select", request.param) as server:
        yield server


@pytest.mark.parametrize(("busy_server", "model"), ARMS, indirect=["busy_server"])
def test_idle_server_uses_no_cpu_while_another_is_loaded(busy_server: Server, model: str) -> None:
    transport = busy_server["transport"]
    max_clients = describe(model).max_tcp_clients if transport == "tcp" else None
    clients = min(CLIENTS, max_clients or CLIENTS)
    compile_loops()
    threads = Threads()
    try:
        with start_server(model, transport) as idle_server:
            idle_spec = LoadSpec(transport, "127.0.0.1", idle_server["port"], connections=clients)
            busy_spec = LoadSpec(transport, "127.0.0.1", busy_server["port"], connections=4)
            with LoadGenerator(idle_spec, threads) as idle, LoadGenerator(busy_spec, threads) as busy:
                assert idle.open() == clients
                assert busy.open() == 4
                idle.load(0.05)  # afterwards its threads and workers have started
                tree = ProcessTree(idle_server.pid)
                wait_until(lambda: tree.usage().cpu_ns == tree.usage().cpu_ns, "the server is idle")

                def measure_cpu_share() -> float:
                    before_ns = tree.usage().cpu_ns
                    assert busy.load(LOAD_S).counts.tally["ok"] > 0
                    return (tree.usage().cpu_ns - before_ns) / (LOAD_S * 1e9)

                shares = repeat_until(measure_cpu_share, lambda share: share < MAX_CPU_SHARE, attempts=ATTEMPTS)
    finally:
        threads.close()
    assert shares[-1] < MAX_CPU_SHARE, f"shares of a CPU in {ATTEMPTS} loads of {LOAD_S} s: {shares}"

"""Servers stand side by side in a block: one at rest must cost the others nothing."""

import pytest

from bench.machine.process_usage import ProcessTree
from clients.engine.threads import Threads
from clients.generator import LoadGenerator, compile_loops
from clients.load_spec import LoadSpec
from servers import registry
from tests.system.commands import server, wait_until

_CLIENTS = 16
_LOAD_S = 0.5
_MOST_SHARE = 0.001
_TRIES = 12  # the machine can spoil one, or some seconds: what its host takes away counts as the server's, and so do
# ticks of a process that ended and is only now waited for; a server that is not at rest spoils all of them


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("model", registry.names())
def test_an_idle_server_uses_no_measurable_cpu_while_another_is_under_load(model: str, transport: str) -> None:
    description = registry.describe(model)
    if transport not in description.transports:
        pytest.skip(f"{model} does not serve {transport}")
    clients = min(_CLIENTS, description.max_tcp_clients or _CLIENTS) if transport == "tcp" else _CLIENTS
    compile_loops()
    threads = Threads()
    try:
        with server(model, transport) as idle, server("select", transport) as busy:
            spec = LoadSpec(transport, "127.0.0.1", idle["port"], connections=clients)
            with (
                LoadGenerator(spec, threads) as resting,
                LoadGenerator(LoadSpec(transport, "127.0.0.1", busy["port"], connections=4), threads) as loaded,
            ):
                assert resting.open() == clients
                assert loaded.open() == 4
                resting.load(0.05)  # it has served, and its threads and workers stand
                tree = ProcessTree(idle["pid"])
                wait_until(lambda: tree.usage().cpu_ns == tree.usage().cpu_ns, "it has come to rest")
                shares: list[float] = []
                while len(shares) < _TRIES and min(shares, default=1.0) >= _MOST_SHARE:
                    before_ns = tree.usage().cpu_ns
                    assert loaded.load(_LOAD_S).counts.tally["ok"] > 0
                    shares.append((tree.usage().cpu_ns - before_ns) / (_LOAD_S * 1e9))
    finally:
        threads.close()
    assert min(shares) < _MOST_SHARE, f"of a CPU, in {_TRIES} times {_LOAD_S} s: {shares}"

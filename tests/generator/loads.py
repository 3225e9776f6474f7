"""Closed loads for the tests: a load of a known server, and its document."""

from typing import Any

from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.result_document import make_document
from tests.support.scripted_servers import HOST


def run_load(threads: Threads, spec: LoadSpec, seconds: float = 0.1, slices: int = 1) -> dict[str, Any]:
    """Load a server and return the document, after checking that its counts add up."""
    with LoadGenerator(spec, threads) as generator:
        generator.open()
        for _ in range(slices):
            last = generator.load(seconds)
        result = make_document(spec, generator.totals, generator.served(), threads.cpus, LoadContext(whole_load=last))
    ledger = result["ledger"]
    assert result["sent"] == ledger["ok"] + ledger["late"] + ledger["lost"] + ledger["corrupt"]
    assert last.counts.tally["counted"] == last.counts.primary.sum() + last.counts.never_answered.sum()
    return result


def make_udp_spec(port: int, **changes: Any) -> LoadSpec:
    return LoadSpec("udp", HOST, port, **{"timeout_s": 0.05, **changes})


def make_tcp_spec(port: int, **changes: Any) -> LoadSpec:
    return LoadSpec("tcp", HOST, port, **{"timeout_s": 5.0, **changes})

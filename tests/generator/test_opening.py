"""Connections that are opened before a load, to a server whose listen queue is full."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.machine.kernel_counters import listen_overflows
from clients.engine.threads import Threads
from clients.generator import PopulationsGenerator, compile_populations
from clients.load_spec import LoadSpec
from tests.generator.loads import make_tcp_spec
from tests.support.scripted_servers import HOST
from tests.support.waiting import repeat_until, wait_until

pytestmark = pytest.mark.serial
_BACKLOG = 4
_CLIENTS = 60


@pytest.fixture(scope="module", autouse=True)
def _compiled_populations() -> None:
    compile_populations()


@contextlib.contextmanager
def start_late_server(overflows: int) -> Iterator[int]:
    """Yield the port of a server that accepts nobody before its full queue has turned that many connects away."""
    before = listen_overflows()
    if before is None:
        pytest.skip("the kernel does not count connects that were turned away (/proc/net/netstat)")
    with socket.create_server((HOST, 0), backlog=_BACKLOG) as listener, contextlib.ExitStack() as accepted:

        def accept_all() -> None:
            wait_until(lambda: (listen_overflows() or 0) >= before + overflows, f"{overflows} connects are turned away")
            with contextlib.suppress(OSError):  # the test has ended
                while True:
                    accepted.enter_context(listener.accept()[0])

        thread = threading.Thread(target=accept_all)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _repeated_syns() -> int:
    """Return how many SYNs the kernel has sent again."""
    names, values = (
        line.split() for line in Path("/proc/net/netstat").read_text().splitlines() if line.startswith("TcpExt:")
    )
    return int(dict(zip(names, values, strict=True))["TCPSynRetrans"])


def _specs(port: int, populations: int) -> dict[str, LoadSpec]:
    spec = make_tcp_spec(port, connections=_CLIENTS)
    if populations == 1:
        return {"": spec}
    spec = replace(spec, timeout_s=0.1)  # a server may begin to accept later than it has to answer
    return {"active": replace(spec, connections=1), "idle": replace(spec, behaviour="silent")}


@pytest.mark.parametrize(("populations", "overflows"), [(1, 1), (2, 500)])
def test_connects_to_a_full_queue_do_not_wait_for_the_kernel(
    threads: Threads, populations: int, overflows: int
) -> None:
    def repeated_while_opening() -> int:
        before = _repeated_syns()
        with start_late_server(overflows) as port:
            specs = _specs(port, populations)
            with PopulationsGenerator(specs, threads) as generator:
                assert generator.open() == {name: spec.connections for name, spec in specs.items()}
        return _repeated_syns() - before

    assert 0 in repeat_until(repeated_while_opening, lambda repeated: repeated == 0, attempts=5)

import socket
from dataclasses import dataclass, field

from bench.experiment.accepting import usage_once_accepted
from bench.machine.process_usage import Usage
from bench.machine.socket_buffers import pending_connections


def make_usage(cpu_ns: int) -> Usage:
    return Usage(float(cpu_ns), 1.0, 1, 1, 1, {})


@dataclass
class Server:
    """A server that accepts a connection at each look at its queue. It seems idle meanwhile: it waits for the CPU."""

    queue: int
    looks: list[int] = field(default_factory=list)
    is_stuck: bool = False

    def pending(self) -> int:
        self.looks.append(self.queue)
        if self.queue and not self.is_stuck:
            self.queue -= 1
        return self.looks[-1]

    def settled_usage(self) -> Usage:
        return make_usage(1_000_000 * (100 - self.queue))


def test_usage_is_read_after_the_last_connection_was_accepted() -> None:
    server = Server(queue=5)
    assert usage_once_accepted(server, server.pending).cpu_ns == make_usage(100_000_000).cpu_ns
    assert server.looks == [5, 4, 3, 2, 1, 0]


def test_server_that_accepts_no_more_is_not_waited_for() -> None:
    server = Server(queue=5, is_stuck=True)
    assert usage_once_accepted(server, server.pending).cpu_ns == make_usage(95_000_000).cpu_ns
    assert set(server.looks) == {5}


def test_unknown_queue_is_not_waited_for() -> None:
    server = Server(queue=0)
    assert usage_once_accepted(server, lambda: None).cpu_ns == make_usage(100_000_000).cpu_ns


def test_pending_connections_are_those_that_were_not_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        address = listener.getsockname()
        clients = [socket.create_connection(address) for _ in range(3)]
        try:
            assert pending_connections(address[1]) == 3
            accepted, _ = listener.accept()
            accepted.close()
            assert pending_connections(address[1]) == 2
        finally:
            for client in clients:
                client.close()

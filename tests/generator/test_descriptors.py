"""A generator's thread has a table of descriptors of its own: its sockets are opened, used and closed in the thread."""

import os
import socket
from pathlib import Path

from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from tests.generator.loads import make_tcp_spec, make_udp_spec
from tests.support.scripted_servers import echo, start_tcp_server, start_udp_server
from tests.support.waiting import wait_until

STANDARD_STREAMS = {0, 1, 2}


def fds_in(threads: Threads) -> set[int]:
    """Return the descriptors of the first thread, without the standard streams."""
    (fds,) = threads.each(_open_fds, [None])
    return set(fds) - STANDARD_STREAMS


def _open_fds(_: None) -> list[int]:
    listed = list(Path("/proc/thread-self/fd").iterdir())
    return sorted(int(path.name) for path in listed if path.exists())  # without the one of the listing


def test_thread_keeps_no_descriptor_of_the_process_open(threads: Threads) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert fds_in(threads) == set()
        theirs.close()
        assert ours.recv(1) == b""  # the end of the stream: no table has a copy of the other end


def test_sockets_are_open_in_their_thread_until_the_generator_closes(threads: Threads) -> None:
    with start_udp_server(lambda _number, datagram: [datagram]) as port:
        before = _open_fds(None)
        with LoadGenerator(make_udp_spec(port, connections=5), threads) as generator:
            assert generator.open() == 5
            assert generator.load(0.3).counts.tally["ok"] > 0
            assert len(fds_in(threads)) == 6  # and epoll's
            assert _open_fds(None) == before
        assert fds_in(threads) == set()


def test_closed_generator_has_closed_the_streams_of_every_thread() -> None:
    ended: list[int] = []

    def converse(conn: socket.socket, number: int) -> None:
        echo(conn, number)
        ended.append(number)

    pool = Threads([min(os.sched_getaffinity(0))] * 2)
    try:
        with start_tcp_server(converse) as port:
            generator = LoadGenerator(make_tcp_spec(port, connections=4), pool)
            assert generator.open() == 4
            generator.close()
            wait_until(lambda: len(ended) == 4, "the server has seen the end of four streams")
            generator.close()  # a second time closes nothing
    finally:
        pool.close()

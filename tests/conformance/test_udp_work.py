"""The protocol work over UDP: frames, waits, computing, malformed datagrams."""

import os

from tests.conformance.cases import by_shared_server
from tests.conformance.checks import check_fresh_server
from tests.support.servers import Server
from tests.support.sockets import exchange_datagram, make_udp_socket
from tests.support.waiting import wait_until
from tests.support.work_frames import FRAME, MALFORMED, RELEASE, make_frame

every_model = by_shared_server("udp", "work")

MAX_BATCH = 64  # datagrams that the loops around select, poll and epoll read at once

MALFORMED_DATAGRAMS = [
    b"",
    b"x",
    FRAME[:23],
    FRAME[:-1],
    FRAME + b"x",
    FRAME + FRAME,
    *(frame for frame, _ in MALFORMED),
]


@every_model
def test_udp_work_ready_line_describes_server(server: Server) -> None:
    check_fresh_server(server)


@every_model
def test_udp_work_replies_with_the_same_frame(server: Server) -> None:
    with make_udp_socket(server) as sock:
        for compute in (0, 20, RELEASE, RELEASE | 20):
            for size, wait_us in ((0, 0), (1, 1), (1_000, 3_000), (65_507 - 24, 500)):
                exchange_datagram(sock, make_frame(os.urandom(size), number=size, wait_us=wait_us, compute=compute))


@every_model
def test_udp_work_answers_every_request_of_several_peers(server: Server) -> None:
    socks = [make_udp_socket(server) for _ in range(10)]
    waits_us = (2_000, 0, 1_000)
    frames = [
        {make_frame(number=n, connection=c, wait_us=waits_us[n % 3]) for n in range(6)} for c in range(len(socks))
    ]
    for sock, requests in zip(socks, frames, strict=True):
        for frame in requests:
            sock.send(frame)
    for sock, requests in zip(socks, frames, strict=True):
        assert {sock.recv(100) for _ in requests} == requests
        sock.close()


@every_model
def test_udp_work_serves_on_after_peers_that_left_during_a_wait(server: Server) -> None:
    left = [make_frame(b"left", wait_us=10_000)] * 5
    for request in left:
        with make_udp_socket(server) as sock:
            sock.send(request)
    longer = make_frame(b"longer", wait_us=50_000)
    with make_udp_socket(server) as sock:
        sock.send(longer)
        # The port may be that of a peer that left, whose reply then arrives here.
        received = [sock.recv(65_536)]
        while received[-1] != longer:
            received.append(sock.recv(65_536))
    assert {*received[:-1]} <= {*left}
    wait_until(server.is_idle, "the server is idle")


@every_model
def test_udp_work_sleeps_after_a_full_batch(server: Server) -> None:
    if server.model.forks:
        return  # a process serves each datagram and exits, so there is no batch, and no list of processes that lasts
    processes = server.tree()
    with make_udp_socket(server) as sock:
        for process in processes:
            process.suspend()
        for _ in range(MAX_BATCH):  # which are all there when the server looks
            sock.send(make_frame(wait_us=1_000))
        for process in processes:
            process.resume()
        for _ in range(MAX_BATCH):
            assert sock.recv(65_536) == make_frame(wait_us=1_000)
    wait_until(server.is_idle, "the server is idle")


@every_model
def test_udp_work_ignores_and_counts_malformed_datagrams(server: Server) -> None:
    """The only test that sends malformed datagrams, as their count is checked."""
    with make_udp_socket(server) as sock:
        for datagram in MALFORMED_DATAGRAMS * server["workers"]:
            sock.send(datagram)
            exchange_datagram(sock, FRAME)  # the first datagram that comes back is the reply to this
        wait_until(lambda: "malformed datagram was ignored (so far: 1)" in server.stderr(), "the first one is reported")
        if server.model.forks:
            return  # a process serves each datagram and counts on its own
        wait_until(lambda: "malformed datagram was ignored (so far: 10)" in server.stderr(), "the tenth is reported")
        assert len(server.stderr().splitlines()) <= 2 * server["workers"]

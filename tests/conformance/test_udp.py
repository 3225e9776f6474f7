"""Echo and hola over UDP."""

import os

import pytest

from clients.talk import talk
from tests.conformance.cases import by_shared_server
from tests.conformance.checks import check_fresh_server
from tests.conformance.netcat import NETCAT, converse, start_netcat
from tests.support.servers import Server
from tests.support.sockets import assert_serves, exchange_datagram, make_udp_socket
from tests.support.waiting import wait_until

every_echo_model = by_shared_server("udp", "echo")
every_hola_model = by_shared_server("udp", "hola")

IGNORED_DATAGRAMS = (
    b"",
    b" ",
    b"x",
    b"HOLA",
    b"hol",
    b"holaa",
    b"hola hola",
    b"pues hola",
    b"no entiendo",
    bytes(65_507),
)


@every_echo_model
def test_udp_echo_ready_line_describes_server(server: Server) -> None:
    check_fresh_server(server)


@every_echo_model
@pytest.mark.parametrize("size", [0, 1, 1_472, 65_507])
def test_udp_echo_returns_datagrams_of_any_size(server: Server, size: int) -> None:
    with make_udp_socket(server) as sock:
        for _ in range(3):
            exchange_datagram(sock, os.urandom(size))


@every_echo_model
def test_udp_echo_keeps_datagrams_separate(server: Server) -> None:
    sent = {b"%d" % number for number in range(20)} | {b""}
    with make_udp_socket(server) as sock:
        for datagram in sent:
            sock.send(datagram)
        assert {sock.recv(100) for _ in sent} == sent


@every_echo_model
def test_udp_echo_replies_to_each_of_100_peers(server: Server) -> None:
    socks = [make_udp_socket(server) for _ in range(100)]
    for round_number in range(2):
        for number, sock in enumerate(socks):
            sock.send(b"%d, %d" % (number, round_number))
        for number, sock in enumerate(socks):
            assert sock.recv(100) == b"%d, %d" % (number, round_number)
    for sock in socks:
        sock.close()


@every_echo_model
def test_udp_echo_serves_on_after_replies_to_closed_peers(server: Server) -> None:
    for _ in range(20):
        with make_udp_socket(server) as sock:
            sock.send(b"nobody reads the reply")
    wait_until(server.is_idle, "the server is idle")  # or a new client on a reused port may get the last reply
    assert_serves(server)


@every_echo_model
def test_udp_echo_serves_on_after_a_flood(server: Server) -> None:
    with make_udp_socket(server) as sock:
        for _ in range(2_000):
            sock.send(bytes(1_400))
    wait_until(server.is_idle, "the server is idle")
    assert_serves(server)


@every_hola_model
def test_udp_hola_ready_line_describes_server(server: Server) -> None:
    check_fresh_server(server)


@every_hola_model
def test_udp_hola_answers_hola_and_adios(server: Server) -> None:
    with make_udp_socket(server) as sock:
        exchange_datagram(sock, b"hola", b"pues hola")
        exchange_datagram(sock, b"adios", b"pues adios")
        exchange_datagram(sock, b"hola", b"pues hola")  # there is no connection that adios could close


@every_hola_model
@pytest.mark.parametrize("datagram", [b" hola", b"hola\r\n", b"\t\n hola \r\n"])
def test_udp_hola_allows_white_space_around_a_request(server: Server, datagram: bytes) -> None:
    with make_udp_socket(server) as sock:
        exchange_datagram(sock, datagram, b"pues hola")


@every_hola_model
def test_udp_hola_answers_the_talk_command(server: Server) -> None:
    assert list(talk(*server.address, "udp", wait_s=0)) == ["pues hola", "pues adios"]


@pytest.mark.skipif(NETCAT is None, reason="no nc on the path")
@every_hola_model
def test_udp_hola_answers_netcat(server: Server) -> None:
    with start_netcat(server, "-u") as process:
        converse(process)


@every_hola_model
def test_udp_hola_ignores_and_counts_other_datagrams(server: Server) -> None:
    """The only test that sends ignored datagrams, as their count is checked."""
    with make_udp_socket(server) as sock:
        for datagram in IGNORED_DATAGRAMS * server["workers"]:
            sock.send(datagram)
            exchange_datagram(sock, b"hola", b"pues hola")  # the first datagram that comes back is the reply to this
        wait_until(lambda: "ignored (so far: 1)" in server.stderr(), "the first one is reported")
        if server.model.forks:
            return  # a process serves each datagram and counts on its own
        wait_until(lambda: "ignored (so far: 10)" in server.stderr(), "the tenth one of a worker is reported")
        assert len(server.stderr().splitlines()) <= 2 * server["workers"]

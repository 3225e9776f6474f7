import os

import pytest

from tests.conformance.cases import models
from tests.support.servers import Server, make_command, start_command
from tests.support.sockets import assert_serves, exchange_datagram, make_udp_socket
from tests.support.waiting import wait_until


@pytest.mark.parametrize("size", [0, 1, 1_472, 65_507])
def test_a_datagram_of_any_size_comes_back_unchanged(udp_echo: Server, size: int) -> None:
    with make_udp_socket(udp_echo) as sock:
        for _ in range(3):
            exchange_datagram(sock, os.urandom(size))


def test_each_datagram_comes_back_as_one(udp_echo: Server) -> None:
    sent = {b"%d" % number for number in range(20)} | {b""}
    with make_udp_socket(udp_echo) as sock:
        for datagram in sent:
            sock.send(datagram)
        assert {sock.recv(100) for _ in sent} == sent


def test_many_peers_get_their_own_replies(udp_echo: Server) -> None:
    socks = [make_udp_socket(udp_echo) for _ in range(100)]
    for round_number in range(2):
        for number, sock in enumerate(socks):
            sock.send(b"%d, %d" % (number, round_number))
        for number, sock in enumerate(socks):
            assert sock.recv(100) == b"%d, %d" % (number, round_number)
    for sock in socks:
        sock.close()


def test_replies_to_a_peer_that_has_gone_do_not_stop_the_server(udp_echo: Server) -> None:
    for _ in range(20):
        with make_udp_socket(udp_echo) as sock:
            sock.send(b"I shall not hear you")
    wait_until(
        udp_echo.is_idle, "the server rests"
    )  # or its last reply may find a new client on the port of a gone one
    assert_serves(udp_echo)


def test_a_flood_does_not_stop_the_server(udp_echo: Server) -> None:
    with make_udp_socket(udp_echo) as sock:
        for _ in range(2_000):
            sock.send(bytes(1_400))
    wait_until(udp_echo.is_idle, "the server rests")
    assert_serves(udp_echo)


def test_hola_and_adios_are_answered(udp_hola: Server) -> None:
    with make_udp_socket(udp_hola) as sock:
        exchange_datagram(sock, b"hola", b"pues hola")
        exchange_datagram(sock, b"adios", b"pues adios")
        exchange_datagram(sock, b"hola", b"pues hola")  # there is nothing to close: who speaks again is answered again


@pytest.mark.parametrize("datagram", [b" hola", b"hola\r\n", b"\t\n hola \r\n"])
def test_white_space_around_a_request_is_allowed(udp_hola: Server, datagram: bytes) -> None:
    with make_udp_socket(udp_hola) as sock:
        exchange_datagram(sock, datagram, b"pues hola")


@pytest.mark.parametrize("model", models("udp"))
def test_anything_else_gets_no_reply_and_is_counted(model: str) -> None:
    with start_command(make_command(model, "udp", "hola")) as server, make_udp_socket(server) as sock:
        ignored = (
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
        for datagram in ignored * server.ready["workers"]:
            sock.send(datagram)
            exchange_datagram(sock, b"hola", b"pues hola")  # the first thing to come back is the reply to this
        wait_until(lambda: "ignored (so far: 1)" in server.stderr(), "the first one is reported")
        if server.model.forks:
            return  # each datagram has a process of its own, and each process counts for itself
        wait_until(lambda: "ignored (so far: 10)" in server.stderr(), "the tenth one of a worker is reported")
        assert len(server.stderr().splitlines()) <= 2 * server.ready["workers"]

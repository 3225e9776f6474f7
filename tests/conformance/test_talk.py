"""The conversation by hand: with the project's own client, and with netcat, as in a first lesson on sockets."""

import shutil
import subprocess

import pytest

from clients.talk import talk
from tests.support.servers import Server

NETCAT = shutil.which("nc")
CONVERSATION = (("hola", b"pues hola"), ("adios", b"pues adios"))


def test_the_talking_client_holds_the_conversation_over_tcp(tcp_hola: Server) -> None:
    assert list(talk(*tcp_hola.address, "tcp", wait_s=0)) == ["pues hola", "pues adios"]


def test_the_talking_client_holds_the_conversation_over_udp(udp_hola: Server) -> None:
    assert list(talk(*udp_hola.address, "udp", wait_s=0)) == ["pues hola", "pues adios"]


@pytest.mark.skipif(NETCAT is None, reason="no nc on the path")
def test_netcat_holds_the_conversation_over_tcp_and_sees_the_end(tcp_hola: Server) -> None:
    with netcat(tcp_hola) as process:
        converse(process)
        assert process.stdin is not None
        process.stdin.close()  # or it waits for more of it
        assert process.stdout is not None
        assert process.stdout.read() == b""


@pytest.mark.skipif(NETCAT is None, reason="no nc on the path")
def test_netcat_holds_the_conversation_over_udp(udp_hola: Server) -> None:
    with netcat(udp_hola, "-u") as process:
        converse(process)
        process.kill()


def netcat(server: Server, *options: str) -> subprocess.Popen[bytes]:
    assert NETCAT is not None
    host, port = server.address
    words = [NETCAT, *options, host, str(port)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def converse(process: subprocess.Popen[bytes]) -> None:
    """Say each word, and hear the answer to it, before the next one."""
    assert process.stdin is not None
    assert process.stdout is not None
    for word, reply in CONVERSATION:
        process.stdin.write(word.encode())
        process.stdin.flush()
        heard = b""
        while len(heard) < len(reply):
            part = process.stdout.read1(len(reply) - len(heard))  # type: ignore[attr-defined]  # a BufferedReader
            assert part, f"netcat ended after {heard!r}"
            heard += part
        assert heard == reply

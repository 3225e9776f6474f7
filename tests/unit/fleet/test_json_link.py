"""A link between two hosts, with and without TLS."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="keys need the extra cluster")

from bench.fleet.certificates import make_keys
from bench.fleet.json_link import JsonLink, LinkError
from bench.fleet.tls_files import TlsFiles

HOST = "127.0.0.1"
WAIT_S = 30.0


@contextmanager
def linked(server: TlsFiles | None, client: TlsFiles | None) -> Iterator[tuple[JsonLink, JsonLink]]:
    with socket.create_server((HOST, 0)) as listener:
        accepted: list[JsonLink] = []
        thread = threading.Thread(target=lambda: accepted.append(JsonLink.accept(listener, server)))
        thread.start()
        near = JsonLink.connect(HOST, listener.getsockname()[1], client)
        thread.join(WAIT_S)
        (far,) = accepted
        try:
            yield near, far
        finally:
            near.close()
            far.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[TlsFiles]:
    folders = make_keys(tmp_path_factory.mktemp("keys") / "fleet", ["lab1", "lab2"])
    return [TlsFiles.in_directory(folder) for folder in folders]


@pytest.mark.parametrize("encrypted", [False, True])
def test_lines_arrive_whole_and_in_order(keys: list[TlsFiles], *, encrypted: bool) -> None:
    server, client = (keys[1], keys[2]) if encrypted else (None, None)
    with linked(server, client) as (near, far):
        big = {"values": list(range(200_000))}

        def send_all() -> None:
            far.send({"n": 1})
            far.send(big)
            far.send({"n": 2})

        thread = threading.Thread(target=send_all)
        thread.start()
        assert near.receive(WAIT_S) == {"n": 1}
        assert near.receive(WAIT_S) == big
        assert near.receive(WAIT_S) == {"n": 2}
        thread.join(WAIT_S)
        near.send({"answer": True})
        assert far.receive(None) == {"answer": True}


def test_silence_and_the_end_are_errors_in_words(keys: list[TlsFiles]) -> None:
    with linked(keys[1], keys[2]) as (near, far):
        with pytest.raises(LinkError, match=r"did not answer within 0\.05 s"):
            near.receive(0.05)
        far.close()
        with pytest.raises(LinkError, match=r"closed the connection|lost the connection"):
            near.receive(WAIT_S)


def test_stranger_is_turned_away_and_the_next_one_served(keys: list[TlsFiles], tmp_path: Path) -> None:
    stranger = TlsFiles.in_directory(make_keys(tmp_path / "other", ["lab9"])[1])
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        accepted: list[JsonLink] = []
        thread = threading.Thread(target=lambda: accepted.append(JsonLink.accept(listener, keys[1])))
        thread.start()
        with pytest.raises(LinkError):  # TLS 1.3: the refusal may come with the first answer
            JsonLink.connect(HOST, port, stranger).receive(WAIT_S)
        near = JsonLink.connect(HOST, port, keys[2])
        thread.join(WAIT_S)
        accepted[0].send({"served": True})
        assert near.receive(WAIT_S) == {"served": True}
        near.close()
        accepted[0].close()


def test_nobody_there_names_the_address() -> None:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
        with pytest.raises(LinkError, match=rf"cannot be reached at {HOST}:{port} \(Connection refused\)"):
            JsonLink.connect(HOST, port, None)

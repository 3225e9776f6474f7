"""The protocol handlers: replies to any splitting of the input, and rare events."""

import itertools

import pytest

from servers import protocols
from servers.protocols import Echo, Hola, HolaDatagrams


def feed_parts(parts: list[bytes]) -> tuple[bytes, bool]:
    """Feed the parts as a model does: none after the handler is done."""
    handler = Hola()
    reply = b""
    for part in parts:
        reply += handler.feed(part)
        if handler.done:
            break
    return reply, handler.done


def splittings(data: bytes) -> list[list[bytes]]:
    """Split the data in every possible way."""
    return [
        [data[start:end] for start, end in itertools.pairwise((0, *cuts, len(data)))]
        for count in range(len(data))
        for cuts in itertools.combinations(range(1, len(data)), count)
    ]


CONVERSATIONS = [
    (b"hola", b"pues hola", False),
    (b"holahola", b"pues holapues hola", False),
    (b"adios", b"pues adios", True),
    (b"holaadios", b"pues holapues adios", True),
    (b"adioshola", b"pues adios", True),
    (b" \t\r\nhola\r\n", b"pues hola", False),
    (b"hola \n adios", b"pues holapues adios", True),
    (b"hol", b"", False),
    (b"holaadio", b"pues hola", False),
    (b"   ", b"", False),
    (b"x", b"no entiendo", True),
    (b"holax", b"pues holano entiendo", True),
    (b"holx", b"no entiendo", True),
    (b"ho la", b"no entiendo", True),
    (b"adi\nos", b"no entiendo", True),
    (b"HOLA", b"no entiendo", True),
    (b"hola\0hola", b"pues holano entiendo", True),
    (b"hoadios", b"no entiendo", True),
]


@pytest.mark.parametrize(("data", "reply", "done"), CONVERSATIONS)
def test_hola_reply_is_independent_of_splitting(data: bytes, reply: bytes, done: bool) -> None:
    for parts in splittings(data):
        assert feed_parts(parts) == (reply, done), parts


def test_hola_replies_as_soon_as_request_is_complete() -> None:
    handler = Hola()
    assert handler.feed(b"holaho") == b"pues hola"
    assert handler.feed(b"la") == b"pues hola"
    assert not handler.done


def test_hola_handlers_share_no_state() -> None:
    first, second = Hola(), Hola()
    first.feed(b"ho")
    assert second.feed(b"hola") == b"pues hola"
    assert first.feed(b"la") == b"pues hola"


def test_echo_returns_same_object() -> None:
    for data in (b"", b"x", bytes(65_507)):
        assert Echo().feed(data) is data
    assert not Echo().done


@pytest.mark.parametrize("datagram", [b"hola", b" hola", b"hola\r\n", b"\t hola \n"])
def test_hola_datagram_gets_reply(datagram: bytes) -> None:
    handler = HolaDatagrams()
    assert handler.feed(datagram) == b"pues hola"
    assert not handler.done


def test_adios_datagram_gets_reply_and_ends_conversation() -> None:
    handler = HolaDatagrams()
    assert handler.feed(b"adios\n") == b"pues adios"
    assert handler.done


@pytest.mark.parametrize(
    "datagram", [b"", b" ", b"x", b"hol", b"holahola", b"hola adios", b"pues hola", b"no entiendo"]
)
def test_unknown_datagram_is_ignored_and_counted(datagram: bytes) -> None:
    before = protocols.ignored_datagrams.count
    assert HolaDatagrams().feed(datagram) is None
    assert protocols.ignored_datagrams.count == before + 1


def test_replies_are_not_requests() -> None:
    for reply in (b"pues hola", b"pues adios", b"no entiendo"):
        assert HolaDatagrams().feed(reply) is None, "two servers could answer each other endlessly"


def test_tally_logs_at_powers_of_ten(capsys: pytest.CaptureFixture[str]) -> None:
    handler = HolaDatagrams()
    protocols.ignored_datagrams.__init__("something was ignored")  # type: ignore[misc]  # reset to zero
    for _ in range(100):
        handler.feed(b"?")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("so far: ")[2] for line in lines] == ["1)", "10)", "100)"]


def test_handlers_cover_every_protocol_and_transport() -> None:
    assert set(protocols.HANDLERS) == {"tcp", "udp"}
    assert set(protocols.HANDLERS["tcp"]) == set(protocols.HANDLERS["udp"]) == {"echo", "hola"}

import itertools

import pytest

from servers import protocols
from servers.protocols import Echo, Hola, HolaDatagrams


def converse(parts: list[bytes]) -> tuple[bytes, bool]:
    """Feed the parts as a model does: no more after the handler is done."""
    handler = Hola()
    answer = b""
    for part in parts:
        answer += handler.feed(part)
        if handler.done:
            break
    return answer, handler.done


def splittings(data: bytes) -> list[list[bytes]]:
    """Cut it in every possible way."""
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


@pytest.mark.parametrize(("said", "answer", "done"), CONVERSATIONS)
def test_hola_answers_the_same_however_it_is_split(said: bytes, answer: bytes, done: bool) -> None:
    for parts in splittings(said):
        assert converse(parts) == (answer, done), parts


def test_hola_answers_a_request_as_soon_as_it_is_complete() -> None:
    handler = Hola()
    assert handler.feed(b"holaho") == b"pues hola"
    assert handler.feed(b"la") == b"pues hola"
    assert not handler.done


def test_each_hola_has_its_own_beginning_of_a_request() -> None:
    one, other = Hola(), Hola()
    one.feed(b"ho")
    assert other.feed(b"hola") == b"pues hola"
    assert one.feed(b"la") == b"pues hola"


def test_echo_returns_the_very_object_that_it_was_given() -> None:
    for data in (b"", b"x", bytes(65_507)):
        assert Echo().feed(data) is data
    assert not Echo().done


@pytest.mark.parametrize("datagram", [b"hola", b" hola", b"hola\r\n", b"\t hola \n"])
def test_a_datagram_with_hola_is_answered(datagram: bytes) -> None:
    handler = HolaDatagrams()
    assert handler.feed(datagram) == b"pues hola"
    assert not handler.done


def test_a_datagram_with_adios_is_answered_and_ends_the_conversation() -> None:
    handler = HolaDatagrams()
    assert handler.feed(b"adios\n") == b"pues adios"
    assert handler.done


@pytest.mark.parametrize(
    "datagram", [b"", b" ", b"x", b"hol", b"holahola", b"hola adios", b"pues hola", b"no entiendo"]
)
def test_any_other_datagram_is_ignored_and_counted(datagram: bytes) -> None:
    before = protocols.ignored_datagrams.count
    assert HolaDatagrams().feed(datagram) is None
    assert protocols.ignored_datagrams.count == before + 1


def test_no_reply_is_a_request() -> None:
    for reply in (b"pues hola", b"pues adios", b"no entiendo"):
        assert HolaDatagrams().feed(reply) is None, "two servers could talk to each other for ever"


def test_rare_events_are_logged_at_powers_of_ten(capsys: pytest.CaptureFixture[str]) -> None:
    handler = HolaDatagrams()
    protocols.ignored_datagrams.__init__("something was ignored")  # type: ignore[misc]  # from zero
    for _ in range(100):
        handler.feed(b"?")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("so far: ")[2] for line in lines] == ["1)", "10)", "100)"]


def test_every_protocol_has_a_handler_for_every_transport() -> None:
    assert set(protocols.HANDLERS) == {"tcp", "udp"}
    assert set(protocols.HANDLERS["tcp"]) == set(protocols.HANDLERS["udp"]) == {"echo", "hola"}

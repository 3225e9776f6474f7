import pytest

from clients.exchange import SURPLUS_BYTES
from clients.reply_faults import is_copy, shorten


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"pues hola", "b'pues hola'"),
        (b"sixteen bytes, x", "b'sixteen bytes, x'"),
        (bytes(64), r"b'\x00\x00\x00\x00\x00\x00'... (64 bytes)"),
        (b"x" * 64, "b'xxxxxxxxxxxxxxxxxxxxxxxxxxx'... (64 bytes)"),
    ],
)
def test_long_bytes_are_cut(data: bytes, text: str) -> None:
    assert shorten(data) == text


@pytest.mark.parametrize(
    ("data", "reply", "expected"),
    [
        (b"pues hola", b"pues hola", True),
        (b"pues holapues hola", b"pues hola", True),
        (b"pues", b"pues hola", False),
        (b"", b"pues hola", False),
        (bytes(SURPLUS_BYTES), bytes(10_000), True),
        (bytes(SURPLUS_BYTES - 1), bytes(10_000), False),
    ],
)
def test_second_reply_is_recognised_by_its_beginning(data: bytes, reply: bytes, expected: bool) -> None:
    assert is_copy(data, reply) is expected

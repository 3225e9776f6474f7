import pytest

from clients.reply_faults import shorten


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"pues hola", "b'pues hola'"),
        (b"sixteen bytes, x", "b'sixteen bytes, x'"),
        (bytes(64), r"b'\x00\x00\x00\x00\x00\x00'... (64 bytes)"),
        (b"x" * 64, "b'xxxxxx'... (64 bytes)"),
    ],
)
def test_long_bytes_are_cut(data: bytes, text: str) -> None:
    assert shorten(data) == text

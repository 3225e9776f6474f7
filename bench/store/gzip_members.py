"""Gzip files that grow by whole members, as pandas and gzip read them (RFC 1952, section 2.2). Pure.

Every append is one member. A member that an interruption cut off is therefore recognised, and the members before it
stay byte for byte.
"""

import gzip
import zlib
from dataclasses import dataclass

_LEVEL = 6  # level 9 takes twice the time and saves 1% of the histograms
MAX_TEXT_BYTES = 1 << 30  # a standard run has 7 MB; a file of zeros could claim a thousand times its size


class DamagedMemberError(ValueError):
    """The bytes after the whole members are not a torn member."""


@dataclass(frozen=True, slots=True)
class Member:
    """A whole member: its text, and where it ends in the file, in bytes."""

    text: bytes
    end: int


def compress_member(text: bytes) -> bytes:
    """Return the text as one member. The same text gives the same bytes: the member has no time stamp."""
    return gzip.compress(text, _LEVEL, mtime=0)


def whole_members(data: bytes, max_text_bytes: int = MAX_TEXT_BYTES) -> list[Member]:
    """Return the whole members of a file; a torn last member is left out.

    Raises DamagedMemberError if the rest is anything else, or if the text is larger than ``max_text_bytes``.
    """
    members: list[Member] = []
    start, room = 0, max_text_bytes
    while start < len(data):
        member = _member_at(data, start, room)
        if member is None:
            break
        members.append(member)
        room -= len(member.text)
        start = member.end
    return members


def _member_at(data: bytes, start: int, room: int) -> Member | None:
    """Return the member that starts there; None if it is torn."""
    rest = memoryview(data)[start:]
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip, with its checksum
    try:
        text = decompressor.decompress(rest, room + 1)
    except zlib.error as error:
        if not any(rest):  # some file systems leave zeros after a power cut: the size was written, the data was not
            return None
        raise DamagedMemberError(f"is damaged at byte {start:,}: {error}") from error
    if len(text) > room:
        raise DamagedMemberError("is too large: it decompresses to more than 1 GiB")
    if not decompressor.eof:
        return None
    return Member(text, len(data) - len(decompressor.unused_data))

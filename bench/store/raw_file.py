"""The bytes of a raw table: plain text, or gzip members of one block each. Pure."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bench.store.csv_rows import csv_header, csv_rows
from bench.store.file_names import RAW_TABLES, TABLES, is_compressed
from bench.store.gzip_members import compress_member, whole_members

NO_BLOCK = -1  # of a line that does not start with the number of a block


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of rows that ends where the file may be cut: the rows of one block, or of one gzip member."""

    blocks: frozenset[int]
    end: int  # in bytes from the start of the file


@dataclass(frozen=True, slots=True)
class RawFile:
    """The position of each block's rows in a raw file."""

    size: int  # in bytes
    header_end: int  # in bytes; 0 if the file does not start with the names of its columns
    segments: tuple[Segment, ...]
    torn_line: int = 0  # number of a last line without an end, from 1; 0 if there is none
    torn_block: int = NO_BLOCK  # the block of that line


def header_bytes(name: str) -> bytes:
    """Return the content of a new raw file."""
    return _encoded(name, csv_header(RAW_TABLES[name]))


def table_bytes(name: str, rows: Sequence[Any]) -> bytes:
    """Return the content of a table that is written as a whole."""
    row_type = TABLES[name]
    return _encoded(name, csv_header(row_type) + csv_rows(row_type, rows))


def row_bytes(name: str, rows: Sequence[Any]) -> bytes:
    """Return rows as the bytes that are appended to a raw file."""
    return _encoded(name, csv_rows(RAW_TABLES[name], rows))


def _encoded(name: str, text: str) -> bytes:
    return compress_member(text.encode()) if is_compressed(name) else text.encode()


def whole_text(name: str, data: bytes) -> bytes:
    """Return the lines of a table without a torn end. Raises DamagedMemberError."""
    if is_compressed(name):
        return b"".join(member.text for member in whole_members(data))
    return data[: data.rfind(b"\n") + 1]


def scan(name: str, data: bytes) -> RawFile:
    """Return where the rows of each block are. Raises DamagedMemberError."""
    header = csv_header(RAW_TABLES[name]).encode()
    return _scan_members(data, header) if is_compressed(name) else _scan_lines(data, header)


def _scan_lines(data: bytes, header: bytes) -> RawFile:
    lines = io.BytesIO(data).readlines()
    header_end = len(header) if lines[:1] == [header] else 0
    torn = bool(lines) and not lines[-1].endswith(b"\n")
    whole = lines[1 : len(lines) - torn]
    segments: list[Segment] = []
    end = header_end
    for block, group in groupby(whole, _block_of):
        end += sum(map(len, group))
        segments.append(Segment(frozenset({block}), end))
    if not torn:
        return RawFile(len(data), header_end, tuple(segments))
    return RawFile(len(data), header_end, tuple(segments), len(lines), _block_of(lines[-1]))


def _scan_members(data: bytes, header: bytes) -> RawFile:
    members = whole_members(data)
    if not members or not members[0].text.startswith(header):
        return RawFile(len(data), 0, ())
    first, *others = members
    segments: list[Segment] = []
    if rest := first.text[len(header) :]:  # somebody compressed the whole file again
        segments.append(Segment(_blocks_in(rest), first.end))
    segments += [Segment(_blocks_in(member.text), member.end) for member in others]
    return RawFile(len(data), first.end, tuple(segments))


def _blocks_in(text: bytes) -> frozenset[int]:
    return frozenset(map(_block_of, io.BytesIO(text)))


def _block_of(line: bytes) -> int:
    """Return the block that a line belongs to."""
    first, comma, _ = line.partition(b",")
    return int(first) if comma and first.isdigit() else NO_BLOCK

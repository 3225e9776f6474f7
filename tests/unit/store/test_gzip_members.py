import gzip
import io

import pandas as pd
import pytest

from bench.store.gzip_members import DamagedMemberError, compress_member, whole_members

TEXTS = (b"block,arm\n", b"0,select/tcp\n", b"1,select/tcp\n1,poll/tcp\n")
DATA = b"".join(map(compress_member, TEXTS))


def test_members_are_read_by_gzip_and_pandas() -> None:
    assert gzip.decompress(DATA) == b"".join(TEXTS)
    table = pd.read_csv(io.BytesIO(DATA), compression="gzip")
    assert list(table["block"]) == [0, 1, 1]


def test_members_have_texts_and_ends() -> None:
    members = whole_members(DATA)
    assert tuple(member.text for member in members) == TEXTS
    assert [gzip.decompress(DATA[: member.end]) for member in members] == [
        b"".join(TEXTS[:count]) for count in (1, 2, 3)
    ]


def test_member_has_no_time_stamp() -> None:
    assert compress_member(b"text") == compress_member(b"text")
    assert compress_member(b"text")[4:8] == bytes(4)


def test_torn_member_is_left_out_at_every_byte() -> None:
    end_of_second = whole_members(DATA)[1].end
    for size in range(end_of_second, len(DATA)):
        assert [member.text for member in whole_members(DATA[:size])] == list(TEXTS[:2])


def test_zeros_of_a_power_cut_count_as_torn() -> None:
    assert [member.text for member in whole_members(DATA + bytes(4096))] == list(TEXTS)


def test_changed_byte_of_a_member_is_detected() -> None:
    start, end = whole_members(DATA)[0].end, whole_members(DATA)[1].end
    skipped = {start + byte for byte in (3, 4, 5, 6, 7, 8, 9)}  # flags, time and system: no part of the content
    for byte in sorted(set(range(start, end)) - skipped):
        data = bytearray(DATA)
        data[byte] ^= 0xFF
        try:
            texts = [member.text for member in whole_members(bytes(data))]
        except DamagedMemberError:
            continue
        assert texts == [TEXTS[0]]  # it seems to continue to the end of the file


def test_text_after_the_members_is_damage() -> None:
    with pytest.raises(DamagedMemberError, match=f"is damaged at byte {len(DATA):,}"):
        whole_members(DATA + b"0,select/tcp\n")


def test_text_above_the_size_limit_is_refused() -> None:
    member = compress_member(bytes(1000))
    assert len(whole_members(member, max_text_bytes=1000)) == 1
    with pytest.raises(DamagedMemberError, match="is too large"):
        whole_members(member, max_text_bytes=999)
    with pytest.raises(DamagedMemberError, match="is too large"):
        whole_members(member + member, max_text_bytes=1500)

import sys
from pathlib import Path

import pytest

from clients import kernel_counters
from clients.kernel_counters import drops
from clients.load_spec import LoadSpec

HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode drops\n"
IPV4, IPV6_ANY = "0100007F", "0" * 32
MAPPED = "0000000000000000FFFF00000100007F"  # ::ffff:127.0.0.1
IPV6 = "00000000000000000000000001000000"  # ::1

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the tables have the byte order of the machine")


def make_line(local: str, remote: str, dropped: int) -> str:
    return f"  1: {local} {remote} 07 0:0 00:0 0 0 0 1 2 0 {dropped}\n"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kernel_counters, "_TABLES", tmp_path)
    return tmp_path


def write(tables: Path, name: str, *lines: str) -> None:
    (tables / name).write_text(HEADING + "".join(lines))


def test_drops_of_a_server_of_both_families_are_found(tables: Path) -> None:
    write(tables, "udp", make_line(f"{IPV4}:C000", f"{IPV4}:0050", 3))
    write(tables, "udp6", make_line(f"{IPV6_ANY}:0050", f"{IPV6_ANY}:0000", 40))
    assert drops(LoadSpec("udp", "127.0.0.1", 80)) == {"generator": 3, "server": 40}


def test_drops_of_a_load_over_ipv6_are_found(tables: Path) -> None:
    write(tables, "udp", make_line("00000000:0050", "00000000:0000", 7))
    write(
        tables, "udp6", make_line(f"{IPV6}:C000", f"{IPV6}:0050", 3), make_line(f"{IPV6}:0050", f"{IPV6_ANY}:0000", 40)
    )
    assert drops(LoadSpec("udp", "::1", 80)) == {"generator": 3, "server": 40}


def test_mapped_address_is_the_address_of_ipv4(tables: Path) -> None:
    write(tables, "udp6", make_line(f"{MAPPED}:C000", f"{MAPPED}:0050", 3))
    assert drops(LoadSpec("udp", "127.0.0.1", 80)) == {"generator": 3, "server": 0}
    assert drops(LoadSpec("udp", "::ffff:127.0.0.1", 80)) == {"generator": 3, "server": 0}


def test_drops_of_other_addresses_and_ports_do_not_count(tables: Path) -> None:
    other = "0200007F"  # 127.0.0.2
    write(tables, "udp", make_line(f"{other}:0050", "00000000:0000", 1), make_line(f"{IPV4}:C000", f"{other}:0050", 2))
    write(tables, "udp6", make_line(f"{IPV6}:0050", f"{IPV6_ANY}:0000", 4))
    assert drops(LoadSpec("udp", "127.0.0.1", 80)) == {"generator": 0, "server": 0}


def test_drops_are_unknown_without_tables_and_over_tcp(tables: Path) -> None:
    assert drops(LoadSpec("udp", "127.0.0.1", 80)) is None
    write(tables, "udp")
    assert drops(LoadSpec("udp", "127.0.0.1", 80)) == {"generator": 0, "server": 0}
    assert drops(LoadSpec("tcp", "127.0.0.1", 80)) is None

import socket
from pathlib import Path

import pytest

from bench.machine import kernel_counters
from bench.machine.kernel_counters import (
    datagrams_dropped_at,
    growth,
    kernel_memory_mb,
    listen_overflows,
    slab_bytes,
)

MEMINFO = "MemTotal: 1000 kB\nSlab: 1000 kB\nKernelStack: 20 kB\nPageTables: 4 kB\nHugePages_Total: 0\n"
NETSTAT = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 3 41 44\nIpExt: InNoRoutes\nIpExt: 7\n"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder whose files replace those of /proc."""
    monkeypatch.setattr(kernel_counters, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(kernel_counters, "_NETSTAT", tmp_path / "netstat")
    return tmp_path


def test_kernel_memory_is_slab_stacks_and_page_tables(proc: Path) -> None:
    (proc / "meminfo").write_text(MEMINFO)
    assert kernel_memory_mb() == pytest.approx(1024 * 1024 / 1e6)
    assert slab_bytes() == 1_024_000


def test_overflows_are_read_by_their_name(proc: Path) -> None:
    (proc / "netstat").write_text(NETSTAT)
    assert listen_overflows() == 41


def test_missing_files_and_fields_are_unknown(proc: Path) -> None:
    assert kernel_memory_mb() is None
    assert slab_bytes() is None
    assert listen_overflows() is None
    (proc / "meminfo").write_text("Slab: 1000 kB\n")
    (proc / "netstat").write_text("TcpExt: SyncookiesSent\nTcpExt: 3\n")
    assert kernel_memory_mb() is None
    assert listen_overflows() is None


def test_growth_is_unknown_without_both_readings() -> None:
    assert growth(2.0, 3.5) == 1.5
    assert growth(None, 3.5) is None
    assert growth(2.0, None) is None


def test_datagrams_that_find_no_room_are_counted_at_their_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as full,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        full.bind(("127.0.0.1", 0))
        port = full.getsockname()[1]
        assert datagrams_dropped_at(port) == 0
        sent = 50
        for _ in range(sent):
            out.sendto(bytes(1000), ("127.0.0.1", port))
        full.setblocking(False)
        received = 0
        while True:
            try:
                full.recv(2000)
            except BlockingIOError:
                break
            received += 1
        assert datagrams_dropped_at(port) == sent - received > 0
    monkeypatch.setattr(kernel_counters, "_UDP_TABLES", (tmp_path / "udp",))
    assert datagrams_dropped_at(port) is None

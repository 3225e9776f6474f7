import pytest

from bench.machine import socket_size
from bench.machine.socket_size import SocketSize, measure_socket_size


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_size, "_BATCHES", 4)
    monkeypatch.setattr(socket_size, "_BATCH", 10)


@pytest.mark.usefixtures("_small_batches")
def test_size_is_the_median_of_the_batches_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch of ten connections reads the slab before, with ten sockets, and when they are connected."""
    readings = iter([1, *(0, 1, 2), *(0, 40_000, 90_000), *(0, 20_000, 70_000), *(0, 30_000, 80_000)])
    monkeypatch.setattr(socket_size, "slab_bytes", lambda: next(readings))
    assert measure_socket_size() == SocketSize(socket_bytes=3000.0, connection_bytes=8000.0)


@pytest.mark.usefixtures("_small_batches")
def test_size_is_unknown_without_enough_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_size, "hard_limit", lambda: 64)
    assert measure_socket_size() is None


@pytest.mark.usefixtures("_small_batches")
def test_size_is_unknown_without_meminfo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_size, "slab_bytes", lambda: None)
    assert measure_socket_size() is None

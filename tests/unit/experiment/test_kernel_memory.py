import pytest

from bench.experiment import kernel_memory
from bench.experiment.kernel_memory import growth_without_sockets_mb, settle_kernel_memory, socket_memory_mb
from bench.machine.socket_buffers import ServerSockets
from bench.machine.socket_size import SocketSize

SIZE = SocketSize(socket_bytes=3000.0, connection_bytes=7000.0)


def test_sockets_of_both_ends_are_not_in_the_growth() -> None:
    assert growth_without_sockets_mb(10.0, 24.5, 2000, SIZE) == pytest.approx(0.5)  # 14 MB are sockets
    assert growth_without_sockets_mb(10.0, 24.5, 2000, None) is None
    assert growth_without_sockets_mb(None, 24.5, 2000, SIZE) is None


def test_sockets_of_the_server_have_structures_and_buffers() -> None:
    assert socket_memory_mb(ServerSockets(1000, 500_000), SIZE) == pytest.approx(3.5)
    assert socket_memory_mb(None, SIZE) is None
    assert socket_memory_mb(ServerSockets(1000, 500_000), None) is None


def test_memory_is_settled_after_three_readings_without_a_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed sockets are freed later than the first reading, so one reading without a drop is not enough."""
    monkeypatch.setattr(kernel_memory, "_PAUSE_S", 0.0)
    readings = iter([50.0, 50.0, 30.0, 20.0, 19.95, 21.0, 20.95, 5.0])
    monkeypatch.setattr(kernel_memory, "kernel_memory_mb", lambda: next(readings))
    settle_kernel_memory()
    assert next(readings) == 5.0


def test_unknown_memory_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_memory, "kernel_memory_mb", lambda: None)
    settle_kernel_memory()

"""The memory that connections take in the kernel: that of a server's threads, and that of its sockets."""

import time

from bench.machine.kernel_counters import growth, kernel_memory_mb
from bench.machine.socket_buffers import ServerSockets
from bench.machine.socket_size import SocketSize
from bench.plan.schedule import ScheduledLoad

# The kernel frees closed sockets after a grace period (RCU): 30 to 60 ms for 4,000 connections on an idle machine. The
# threads of 10,000 clients took more than a second to exit, and kept the CPU from the next server.
_PAUSE_S, _MAX_SETTLING_S = 0.1, 10.0
_STEADY_READINGS = 3
_STEADY_MB = 0.1


def holds_connections(load: ScheduledLoad) -> bool:
    """Return whether a load asks for the memory of connections: some of its clients do not wait for replies."""
    return any(population.behaviour != "normal" for population in load.populations)


def settle_kernel_memory() -> None:
    """Wait until the kernel's memory shrinks no more, because the connections of a load before were closed."""
    end_s = time.monotonic() + _MAX_SETTLING_S
    memory_mb, steady = kernel_memory_mb(), 0
    while memory_mb is not None and steady < _STEADY_READINGS and time.monotonic() < end_s:
        time.sleep(_PAUSE_S)
        before_mb, memory_mb = memory_mb, kernel_memory_mb()
        is_steady = memory_mb is not None and before_mb - memory_mb < _STEADY_MB
        steady = steady + 1 if is_steady else 0


def growth_without_sockets_mb(
    before_mb: float | None,
    after_mb: float | None,
    connections: int,
    size: SocketSize | None,
    *,
    both_ends: bool = True,
) -> float | None:
    """Return how much the kernel's memory grew besides the sockets; None if something is unknown.

    both_ends: whether the clients are on this machine as well.
    """
    grown_mb = growth(before_mb, after_mb)
    if grown_mb is None or size is None:
        return None
    return grown_mb - connections * (size.connection_bytes if both_ends else size.socket_bytes) / 1e6


def socket_memory_mb(sockets: ServerSockets | None, size: SocketSize | None) -> float | None:
    """Return the memory of a server's ends of its connections, with their buffers; None if something is unknown."""
    if sockets is None or size is None:
        return None
    return (sockets.count * size.socket_bytes + sockets.buffer_bytes) / 1e6

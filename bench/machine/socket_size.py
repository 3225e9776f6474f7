"""Measure what a TCP connection over loopback takes in the kernel's slab.

A socket consists of several structures, from ``struct tcp_sock`` to its file, and their sizes differ between kernels.
Only root may read them (slabinfo(5)), but everybody can see how the slab grows while sockets are opened.
"""

import contextlib
import os
import select
import socket
import statistics
import struct
from dataclasses import dataclass

from bench.machine.fd_limit import hard_limit
from bench.machine.kernel_counters import slab_bytes

# The slab grows by pages that hold a dozen sockets, and other programs change it. So the result is the median of some
# batches. Sockets of the first batch fill pages that are partly free.
_BATCHES, _BATCH = 7, 300
_SPARE_DESCRIPTORS = 100
_CLOSE_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT


@dataclass(frozen=True, slots=True)
class SocketSize:
    """Bytes in the slab. connection_bytes: of both ends, and of the client's entry in an epoll."""

    socket_bytes: float
    connection_bytes: float


def measure_socket_size() -> SocketSize | None:
    """Return the sizes on this machine; None without /proc/meminfo, or if too few files may be open for it."""
    limit, used = hard_limit(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, without objects
    wanted = 2 * _BATCHES * _BATCH + _SPARE_DESCRIPTORS
    if (limit is not None and limit < used + wanted) or slab_bytes() is None:
        return None
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1))
        poller = stack.enter_context(select.epoll())
        try:
            sizes = [_open_batch(stack, listener, poller) for _ in range(_BATCHES)][1:]
        except OSError:  # no descriptor or port is left
            return None
    return SocketSize(
        statistics.median(size.socket_bytes for size in sizes),
        statistics.median(size.connection_bytes for size in sizes),
    )


def _open_batch(stack: contextlib.ExitStack, listener: socket.socket, poller: select.epoll) -> SocketSize:
    """Open connections, which the stack will close; return the growth of the slab for each."""
    before = slab_bytes() or 0
    clients = [stack.enter_context(socket.socket()) for _ in range(_BATCH)]
    opened = slab_bytes() or 0
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_AT_ONCE)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_AT_ONCE)
        stack.enter_context(accepted)
        poller.register(client, select.EPOLLIN)
    return SocketSize((opened - before) / _BATCH, ((slab_bytes() or 0) - before) / _BATCH)

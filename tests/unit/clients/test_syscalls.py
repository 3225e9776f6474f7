import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numba
import numpy as np
import pytest

from clients.engine.syscalls import ADDRESS, INT, LONG, SIZE, make_frequent_call


def compiled(call: Callable[..., int]) -> Callable[..., int]:
    @numba.njit
    def function(fd: int, address: int, size: int, flags: int) -> int:
        return call(fd, address, size, flags)

    return cast("Callable[..., int]", function)


@pytest.mark.parametrize("kernel_name", ["sendto", "unknown to every machine"])
@pytest.mark.parametrize("through", [lambda call: call, compiled], ids=["plain", "compiled"])
def test_frequent_call_sends_or_returns_the_negative_errno(
    kernel_name: str, through: Callable[[Callable[..., int]], Callable[..., int]]
) -> None:
    send = through(make_frequent_call("send", LONG, INT, ADDRESS, SIZE, INT, kernel_name=kernel_name))
    data = np.frombuffer(b"hola", np.uint8)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert send(ours.fileno(), data.ctypes.data, 4, 0) == 4
        assert theirs.recv(5) == b"hola"
    with Path(os.devnull).open() as not_a_socket:
        assert send(not_a_socket.fileno(), data.ctypes.data, 4, 0) == -errno.ENOTSOCK

"""System calls for compiled and plain Python code alike.

Each function is plain Python over ctypes. numba compiles the same call to an external symbol, which it can cache. A
failed call returns ``-errno``, as the kernel does, so that no loop has to look up an error or raise. Addresses are
integers: ``array.ctypes.data`` plus an offset.
"""

import ctypes
import platform
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from clients.engine.jit import jit_inline
from clients.engine.raw_memory import view

ONE_SECOND_NS = 1_000_000_000
_INT64 = np.dtype(np.int64)

# Size and data offset of struct epoll_event in 32-bit words; it is packed on x86-64 only (linux/eventpoll.h).
EVENT_WORDS, EVENT_DATA_WORD = (3, 1) if platform.machine() == "x86_64" else (4, 2)

_LIBC = ctypes.CDLL(None, use_errno=True)

# numba's stubs lack external functions and what compiled code may do with them.
_types: Any = types
_carray: Any = numba.carray  # type: ignore[attr-defined]
_int, _long, _size, _address = _types.intc, _types.intp, _types.uintp, _types.uintp
_CTYPES = {_int: ctypes.c_int, _long: ctypes.c_ssize_t, _size: ctypes.c_size_t}
_errno_location = _types.ExternalFunction("__errno_location", _types.CPointer(_types.int32)())


def _system_call(name: str, result: Any, *arguments: Any) -> Callable[..., int]:
    """Make libc's function ``name`` callable from compiled and plain code.

    It returns the result or ``-errno``.
    """
    external = _types.ExternalFunction(name, result(*arguments))
    foreign = getattr(_LIBC, name)
    foreign.restype = _CTYPES[result]
    foreign.argtypes = [_CTYPES[argument] for argument in arguments]

    def plain(*values: int) -> int:
        returned = int(foreign(*values))
        return returned if returned >= 0 else -ctypes.get_errno()

    def compiled(*_: Any) -> Any:
        def call(*values: Any) -> Any:
            returned = external(*values)
            return returned if returned >= 0 else -_carray(_errno_location(), 1)[0]

        return call

    plain.__name__ = plain.__qualname__ = name
    overload(plain, strict=False)(compiled)
    return plain


open_socket = _system_call("socket", _int, _int, _int, _int)
bind = _system_call("bind", _int, _int, _address, _int)
connect = _system_call("connect", _int, _int, _address, _int)
set_option = _system_call("setsockopt", _int, _int, _int, _int, _address, _int)
get_option = _system_call("getsockopt", _int, _int, _int, _int, _address, _address)
accept = _system_call("accept4", _int, _int, _address, _address, _int)
send = _system_call("send", _long, _int, _address, _size, _int)
recv = _system_call("recv", _long, _int, _address, _size, _int)
send_to = _system_call("sendto", _long, _int, _address, _size, _int, _address, _int)
recv_from = _system_call("recvfrom", _long, _int, _address, _size, _int, _address, _address)
map_memory = _system_call("mmap", _long, _address, _size, _int, _int, _int, _long)
unmap_memory = _system_call("munmap", _int, _address, _size)
copy_bytes = _system_call("memcpy", _long, _address, _address, _size)
close = _system_call("close", _int, _int)
epoll_create = _system_call("epoll_create1", _int, _int)
epoll_control = _system_call("epoll_ctl", _int, _int, _int, _int, _address)
epoll_wait = _system_call("epoll_wait", _int, _int, _address, _int, _int)
_syscall = _system_call("syscall", _long, _long, _long, _address, _long, _address, _address, _long)

_EPOLL_PWAIT2 = 441  # the number on every architecture; C libraries before glibc 2.35 have no function for it


@jit_inline
def epoll_wait_ns(poller: int, events: int, room: int, wait_ns: int, clock: int) -> int:
    """Wait for events for at most ``wait_ns``.

    clock: address of two int64 of scratch. Returns -ENOSYS before Linux 5.11, and -EPERM in some
    containers.
    """
    timespec = view(clock, 2, _INT64)
    timespec[0], timespec[1] = wait_ns // ONE_SECOND_NS, wait_ns % ONE_SECOND_NS
    return _syscall(_EPOLL_PWAIT2, poller, events, room, clock, 0, 0)


_memcmp = _types.ExternalFunction("memcmp", _int(_address, _address, _size))
_clock_gettime = _types.ExternalFunction("clock_gettime", _int(_int, _address))


def same_bytes(left: int, right: int, size: int) -> bool:
    """Return whether ``size`` bytes at two addresses are equal."""
    return ctypes.string_at(int(left), int(size)) == ctypes.string_at(int(right), int(size))


@overload(same_bytes, strict=False)
def _same_bytes(left: Any, right: Any, size: Any) -> Any:  # noqa: ARG001 - numba reads the names
    return lambda left, right, size: _memcmp(left, right, size) == 0


def now_ns(room: int) -> int:  # noqa: ARG001 - the compiled version needs the room
    """Return CLOCK_MONOTONIC in nanoseconds.

    room: address of two int64 of scratch, for the kernel's answer.
    """
    return time.monotonic_ns()


@overload(now_ns, strict=False)
def _now_ns(room: Any) -> Any:  # noqa: ARG001 - numba reads the names
    monotonic, int64 = int(time.CLOCK_MONOTONIC), _INT64

    def read(room: Any) -> Any:
        _clock_gettime(monotonic, room)
        answer = view(room, 2, int64)
        return answer[0] * ONE_SECOND_NS + answer[1]

    return read

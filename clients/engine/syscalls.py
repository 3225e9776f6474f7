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
INT, LONG, SIZE, ADDRESS = _types.intc, _types.intp, _types.uintp, _types.uintp
_CTYPES = {INT: ctypes.c_int, LONG: ctypes.c_ssize_t, SIZE: ctypes.c_size_t}
_errno_location = _types.ExternalFunction("__errno_location", _types.CPointer(_types.int32)())

# The numbers of the calls of every request in the kernel's tables (asm/unistd.h).
_X86_64 = {"sendto": 44, "recvfrom": 45, "epoll_pwait": 281}
_GENERIC = {"sendto": 206, "recvfrom": 207, "epoll_pwait": 22}
_NUMBERS = {"x86_64": _X86_64, "aarch64": _GENERIC, "riscv64": _GENERIC}.get(platform.machine(), {})
_SYSCALL_ARGUMENTS = 6


def _system_call(name: str, result: Any, *arguments: Any) -> Callable[..., int]:
    """Make libc's function ``name`` callable from compiled and plain code.

    It returns the result or ``-errno``.
    """
    foreign = getattr(_LIBC, name)
    foreign.restype = _CTYPES[result]
    foreign.argtypes = [_CTYPES[argument] for argument in arguments]
    return _callable(name, foreign, _types.ExternalFunction(name, result(*arguments)), (), ())


def make_frequent_call(name: str, result: Any, *arguments: Any, kernel_name: str) -> Callable[..., int]:
    """Make a call of every request: without libc's function where the number of the kernel's is known.

    In a process with threads, libc's function allows a cancellation during the call. That costs two locked operations
    (SYSCALL_CANCEL in glibc's sysdep-cancel.h). The missing arguments of the kernel's call are 0.
    """
    number = _NUMBERS.get(kernel_name)
    if number is None:
        return _system_call(name, result, *arguments)
    padding = (0,) * (_SYSCALL_ARGUMENTS - len(arguments))
    return _callable(name, _syscall_function, _syscall_symbol, (number,), padding)


def _callable(
    name: str, foreign: Any, external: Any, before: tuple[int, ...], after: tuple[int, ...]
) -> Callable[..., int]:
    """Make a function of libc callable, with constant arguments before and after those of the caller."""

    def plain(*values: int) -> int:
        returned = int(foreign(*before, *values, *after))
        return returned if returned >= 0 else -ctypes.get_errno()

    def compiled(*_: Any) -> Any:
        def call(*values: Any) -> Any:
            returned = external(*(before + values + after))
            return returned if returned >= 0 else -_carray(_errno_location(), 1)[0]

        return call

    plain.__name__ = plain.__qualname__ = name
    overload(plain, strict=False)(compiled)
    return plain


_syscall_symbol = _types.ExternalFunction("syscall", LONG(*[LONG] * (1 + _SYSCALL_ARGUMENTS)))
_syscall_function = _LIBC.syscall
_syscall_function.restype = _CTYPES[LONG]
_syscall_function.argtypes = [_CTYPES[LONG]] * (1 + _SYSCALL_ARGUMENTS)

open_socket = _system_call("socket", INT, INT, INT, INT)
bind = _system_call("bind", INT, INT, ADDRESS, INT)
connect = _system_call("connect", INT, INT, ADDRESS, INT)
set_option = _system_call("setsockopt", INT, INT, INT, INT, ADDRESS, INT)
get_option = _system_call("getsockopt", INT, INT, INT, INT, ADDRESS, ADDRESS)
accept = _system_call("accept4", INT, INT, ADDRESS, ADDRESS, INT)
send = make_frequent_call("send", LONG, INT, ADDRESS, SIZE, INT, kernel_name="sendto")
recv = make_frequent_call("recv", LONG, INT, ADDRESS, SIZE, INT, kernel_name="recvfrom")
send_to = make_frequent_call("sendto", LONG, INT, ADDRESS, SIZE, INT, ADDRESS, INT, kernel_name="sendto")
recv_from = make_frequent_call("recvfrom", LONG, INT, ADDRESS, SIZE, INT, ADDRESS, ADDRESS, kernel_name="recvfrom")
map_memory = _system_call("mmap", LONG, ADDRESS, SIZE, INT, INT, INT, LONG)
unmap_memory = _system_call("munmap", INT, ADDRESS, SIZE)
copy_bytes = _system_call("memcpy", LONG, ADDRESS, ADDRESS, SIZE)
close = _system_call("close", INT, INT)
epoll_create = _system_call("epoll_create1", INT, INT)
epoll_control = _system_call("epoll_ctl", INT, INT, INT, INT, ADDRESS)
epoll_wait = make_frequent_call("epoll_wait", INT, INT, ADDRESS, INT, INT, kernel_name="epoll_pwait")
_syscall = _callable("syscall", _syscall_function, _syscall_symbol, (), ())

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


_memcmp = _types.ExternalFunction("memcmp", INT(ADDRESS, ADDRESS, SIZE))
_clock_gettime = _types.ExternalFunction("clock_gettime", INT(INT, ADDRESS))


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

"""Have the kernel refuse system calls of a process, as a container's seccomp profile does (seccomp(2))."""

import ctypes
import platform
import struct
import sys

# Numbers of system calls; epoll_pwait2 has the same one on every architecture.
_NUMBERS = {
    "x86_64": {"epoll_pwait2": 441, "flock": 73, "fsync": 74},
    "aarch64": {"epoll_pwait2": 441, "flock": 32, "fsync": 82},
}.get(platform.machine())
IS_SUPPORTED = _NUMBERS is not None
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # codes of BPF instructions (linux/filter.h)
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def make_refusing_command(errors: dict[str, int], *arguments: str) -> list[str]:
    """Return ``python ARGUMENTS`` with system calls that fail. errors: the errno of each, by name."""
    return [sys.executable, "-m", "tests.support.seccomp", repr(errors), *arguments]


def refuse(errors: dict[str, int]) -> None:
    """Have these system calls fail in this process and its children from now on."""
    assert _NUMBERS is not None
    program = _instruction(_LOAD_NUMBER, 0, 0, 0)
    for name, error in errors.items():
        program += _instruction(_JUMP_IF_EQUAL, 0, 1, _NUMBERS[name]) + _instruction(_RETURN, 0, 0, _ERRNO | error)
    program += _instruction(_RETURN, 0, 0, _ALLOW)
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_program = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _MODE_FILTER, filter_program, 0, 0)):
        if prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"prctl{arguments}")


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


if __name__ == "__main__":
    import ast
    import os

    refuse(ast.literal_eval(sys.argv[1]))
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])

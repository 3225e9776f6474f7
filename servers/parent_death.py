"""Kill a server when the process that started it exits, for whatever reason.

The kernel sends SIGKILL to this process when its parent exits (prctl, Linux). There are two pitfalls:

- The kernel acts when the *thread* that started the server exits, even if other threads of its process continue. A
  program that starts a server from a thread must keep this thread alive for as long as the server.
- The parent may exit before prctl is called. So this module then checks whether the parent is still the expected one. A
  forked worker knows its parent; a program that starts a server can pass its pid in HOLABENCH_PARENT.

Without HOLABENCH_PARENT, writing the ready line usually fails, because the pipe has no reader any more. That is not
certain: another process that is being started at this moment also has the pipe open until its exec. This was seen once
in a hundred runs that were killed.
"""

from __future__ import annotations

import os
import signal
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PARENT_VARIABLE = "HOLABENCH_PARENT"
_PR_SET_PDEATHSIG = 1
_F_SETSIG = 10  # from fcntl.h; the module fcntl has no such name

forks_write_end = -1  # from watch_forks; the command line sets it


def die_with_parent(expected_parent: int | None = None) -> None:
    """Have the kernel kill this process as soon as its parent exits.

    expected_parent: pid of the parent; the process exits here if its parent is already another one. The default is the
    pid in HOLABENCH_PARENT, which is removed from the environment because it applies to this process alone.

    A fork clears the setting, so every worker has to call this function itself. An exec keeps it.
    """
    pid_text = os.environ.pop(PARENT_VARIABLE, "")
    if expected_parent is None and pid_text.isdecimal():
        expected_parent = int(pid_text)
    get_signal_with_parent(signal.SIGKILL)
    if expected_parent is not None and os.getppid() != expected_parent:
        os.write(2, f"exiting: parent process {expected_parent} is gone\n".encode())
        os._exit(1)


def get_signal_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal as soon as its parent exits. Raises OSError."""
    import ctypes  # here, because a server that forks for each client can do without it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        error_number = ctypes.get_errno()
        raise OSError(error_number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error_number)}")


def watch_forks() -> int:
    """Have the kernel kill this process's group when the last write end of a pipe is closed. Returns the write end.

    Each process that is forked later only has to close its copy. It does not matter whether this process is killed
    before or after that. The read end stays open in all of them; without it there would be no signal. Both ends survive
    an exec. Returns -1 if this process does not lead its group: then strangers may be in it.
    """
    import fcntl  # here, because each fork copies the tables of a library that is loaded

    if os.getpgrp() != os.getpid():
        return -1
    read_end, write_end = os.pipe()
    fcntl.fcntl(read_end, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(read_end, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(read_end, fcntl.F_SETFL, fcntl.fcntl(read_end, fcntl.F_GETFL) | os.O_ASYNC)
    for fd in (read_end, write_end):
        os.set_inheritable(fd, True)
    return write_end


def prepare_forks() -> Callable[[], None]:
    """Return a function that each process forked by this one calls first, so that it is killed when this one exits.

    For processes that live for one short conversation: ``die_with_parent`` causes 98 page faults in such a process,
    nearly as many as all its other work. With ``forks_write_end`` it closes a descriptor, else it calls a prctl that
    has been looked up here.
    """
    return partial(os.close, forks_write_end) if forks_write_end >= 0 else _prepare_prctl()


def _prepare_prctl() -> Callable[[], None]:
    """Return a function that calls prctl, which has been looked up here once."""
    import ctypes

    prctl, getppid, parent, number = ctypes.PyDLL(None).prctl, os.getppid, os.getpid(), int(signal.SIGKILL)

    def die_with_forking_process() -> None:
        if prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or getppid() != parent:
            os._exit(1)

    return die_with_forking_process

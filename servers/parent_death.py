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

import ctypes
import os
import signal

PARENT_VARIABLE = "HOLABENCH_PARENT"
_PR_SET_PDEATHSIG = 1


def die_with_parent(expected_parent: int | None = None) -> None:
    """Have the kernel kill this process as soon as its parent exits.

    expected_parent: pid of the parent; the process exits here if its parent is already another one. The default is the
    pid in HOLABENCH_PARENT, which is removed from the environment because it applies to this process alone.

    A fork clears the setting, so every worker has to call this function itself.
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
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        error_number = ctypes.get_errno()
        raise OSError(error_number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error_number)}")

"""A server never outlives the process that started it, however that one ended.

The kernel sends SIGKILL to this process when its parent ends (prctl, Linux). Two subtleties:

The kernel acts when the *thread* that started the server ends, not when the last thread of its process does. Whoever
starts a server from a thread has to keep that thread for as long as the server.

And the parent can end before the call. So after it a server looks whether its parent is still the one that it
expects: a worker made by fork knows it, and whoever starts a server as a program may give its pid in
HOLABENCH_PARENT. Without that a server learns it from its ready line, as the pipe has lost its reader; but not always:
a sibling that is being started at that moment holds the pipe, too, until its exec (seen once in a hundred runs that
were killed).
"""

from __future__ import annotations

import ctypes
import os
import signal

PARENT_VARIABLE = "HOLABENCH_PARENT"
_PR_SET_PDEATHSIG = 1


def die_with_parent(expected_parent: int | None = None) -> None:
    """End this process by SIGKILL as soon as its parent ends.

    expected_parent: pid; if the parent is another one already, the process ends here. Without it that of the
    environment counts, which is meant for this process alone. A fork clears the setting: every worker has to call this
    for itself.
    """
    pid_text = os.environ.pop(PARENT_VARIABLE, "")
    if expected_parent is None and pid_text.isdecimal():
        expected_parent = int(pid_text)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        error_number = ctypes.get_errno()
        raise OSError(error_number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error_number)}")
    if expected_parent is not None and os.getppid() != expected_parent:
        os.write(2, f"ended: process {expected_parent}, which was to be the parent, is not; has it ended?\n".encode())
        os._exit(1)

"""A server never outlives the process that started it, however that one ended.

The kernel sends SIGKILL to this process when its parent ends (prctl, Linux). Two subtleties:

The kernel acts when the *thread* that started the server ends, not when the last thread of its process does. Whoever
starts a server from a thread has to keep that thread for as long as the server.

And the parent can end before the call. A server then learns it from its ready line: the pipe has lost its reader, the
write fails, the server ends. A worker made by fork has no ready line and gives the process that it expects as its
parent. So the call always comes first, and nothing is left between.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(expected_parent: int | None = None) -> None:
    """End this process by SIGKILL as soon as its parent ends.

    expected_parent: pid; if the parent is another one already, the process ends here. A fork clears the setting: every
    worker has to call this for itself.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    if expected_parent is not None and os.getppid() != expected_parent:
        os._exit(1)

"""Run an external server: ``python -m servers.run_command [--cgroup FOLDER] COMMAND ...``.

The command runs as it would by itself. This process supervises it, and sleeps while nothing ends:

- It adopts what the command leaves behind. So daemons stay in its process tree, where they are found, measured and
  killed, and the CPU time of those that have ended is in its own count of ended children.
- When it is asked to end, or when the process that started it exits for whatever reason, it ends the whole tree.
- It exits when the command has failed, or when no process of the tree is left. It exits as the command did: with the
  same code, or by the same signal.

FOLDER is a cgroup (v2) that the command joins before it starts, if the kernel lets it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path

from servers import parent_death
from servers.descendants import adopt_orphans, descendants, send_signal

GRACE_S = 2.0  # between SIGTERM and SIGKILL, while the command itself runs
_ORPHANS_GRACE_S = 0.5  # the same after it has ended
_KILL_S = 5.0  # until a killed process has ended; one that waits for a device takes longer
_KILL_POLL_S = 0.02
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_AWAITED = _ENDING | {signal.SIGCHLD}
CANNOT_START_CODE = 127  # the shell's code
CANNOT_START = "cannot be started: "  # begins the line about a command that the kernel refuses


class Supervisor:
    """The command's processes, until the last of them has ended.

    cgroup: folder of its cgroup; empty if it has none.
    """

    def __init__(self, command: list[str], cgroup: str) -> None:
        self._cgroup = cgroup
        self._command_status: int | None = None  # None while it runs
        self._last_status = 0  # of any process of the tree
        self._command_pid = self._start(command)

    def supervise(self) -> int:
        """Wait until the tree has ended or must end; return the wait status to exit with."""
        while True:
            signal_number = signal.sigwait(_AWAITED)
            remaining = self._reap()
            if signal_number in _ENDING:
                self._end_all()
                break
            if not remaining or self._command_status:  # the rest of a failed server does not serve
                self._kill_all()
                break
        self._remove_cgroup()
        return self._exit_status()

    def _start(self, command: list[str]) -> int:
        supervisor = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        os.setpgid(0, 0)
        parent_death.die_with_parent(supervisor)
        self._join_cgroup()
        for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):  # the command would inherit that
            signal.signal(ignored_by_python, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{CANNOT_START}{command[0]}: {error.strerror}\n".encode())
        os._exit(CANNOT_START_CODE)

    def _join_cgroup(self) -> None:
        """Move this process to the cgroup. Who started it checks whether that worked."""
        if self._cgroup:
            with contextlib.suppress(OSError):
                Path(self._cgroup, "cgroup.procs").write_text("0")

    def _reap(self) -> bool:
        """Take note of every process that has ended; return whether any is left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                self._last_status = status
                if pid == self._command_pid and self._command_status is None:  # later it may be another process's
                    self._command_status = status
        return False

    def _end_all(self) -> None:
        """End all processes: by SIGTERM if they react in time, else by SIGKILL."""
        send_signal(descendants(os.getpid()), signal.SIGTERM)
        end_s = time.monotonic() + GRACE_S
        while self._reap():
            if self._command_status is not None:
                end_s = min(end_s, time.monotonic() + _ORPHANS_GRACE_S)
            wait_s = end_s - time.monotonic()
            if wait_s <= 0:
                break
            signal.sigtimedwait({signal.SIGCHLD}, wait_s)
        self._kill_all()

    def _kill_all(self) -> None:
        """Kill what is left, again and again: a process may fork before it is reached."""
        end_s = time.monotonic() + _KILL_S
        while self._reap():
            if self._cgroup:
                with contextlib.suppress(OSError):
                    Path(self._cgroup, "cgroup.kill").write_text("1")
            left = descendants(os.getpid())
            send_signal(left, signal.SIGKILL)
            if time.monotonic() > end_s:
                os.write(2, f"still running after SIGKILL: {' '.join(map(str, left))}\n".encode())
                return
            signal.sigtimedwait({signal.SIGCHLD}, _KILL_POLL_S)

    def _remove_cgroup(self) -> None:
        """Remove the cgroup, which nobody else does if the process that created it was killed."""
        if self._cgroup:
            with contextlib.suppress(OSError):
                Path(self._cgroup).rmdir()

    def _exit_status(self) -> int:
        """Return the status of the command; that of the last process if the command made itself a daemon."""
        return self._command_status or self._last_status


def main() -> int:
    """Supervise the command. Returns its exit code, or 127 if it cannot be started."""
    command, cgroup = sys.argv[1:], ""
    if command[0] == "--cgroup":
        cgroup, command = command[1], command[2:]
    # Blocked signals wait for sigwait: none is lost between two of these steps. An ignored SIGCHLD would be inherited,
    # and the kernel would then forget the CPU time of every process that ends.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    parent_death.die_with_parent()
    parent_death.get_signal_with_parent(signal.SIGTERM)
    adopt_orphans()
    return _exit_like(Supervisor(command, cgroup).supervise())


def _exit_like(status: int) -> int:
    """Return the exit code of a wait status; end by the same signal if it was one."""
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    signal_number = os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command has left its own core dump
    with contextlib.suppress(OSError):  # SIGKILL has no handler
        signal.signal(signal_number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal_number})
    os.kill(os.getpid(), signal_number)
    return 128 + signal_number


if __name__ == "__main__":
    sys.exit(main())

"""Run an agent for as long as the SSH connection of its controller lives.

    python -m bench.fleet.bound_agent --folder RUN_FOLDER --lock FILE -- COMMAND ...

The standard input is the connection. When it ends, or when nothing has arrived for some minutes, the agent is stopped
and the folder with its keys is removed. That also happens if the controller was killed, or lost its network or power.
If this process is killed, the kernel kills the agent.
"""

import argparse
import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial

from servers.parent_death import get_signal_with_parent

SIGN_OF_LIFE_S = 60.0  # between the bytes of a controller
SILENCE_S = 600.0  # a controller that was stopped for some minutes continues
_STOP_S = 30.0  # an agent ends its role processes first
_STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def main(arguments: list[str]) -> int:
    """Run the command until it or the connection ends. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="bench.fleet.bound_agent")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--lock", action="append", default=[])
    parser.add_argument("--silence-s", type=float, default=SILENCE_S)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    locks = [_share_lock(path) for path in [*options.lock, os.path.join(options.folder, "lock")]]  # noqa: PTH118
    wake_read, wake_write = socket.socketpair()
    wake_write.setblocking(False)
    signal.set_wakeup_fd(wake_write.fileno())
    for number in (signal.SIGCHLD, *_STOPPING_SIGNALS):
        signal.signal(number, lambda *_: None)  # the byte at wake_read is the message
    agent = subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        process_group=0,
        # SIGKILL, as an agent that waits for a role process does not react to SIGTERM. This process has one thread, so
        # nothing can hold a lock of the interpreter between fork and exec.
        preexec_fn=partial(get_signal_with_parent, signal.SIGKILL),  # noqa: PLW1509
    )
    try:
        sys.stdout.write(f'{{"agent": {agent.pid}}}\n')
        sys.stdout.flush()
        _wait(agent, wake_read, options.silence_s)
    finally:
        _stop(agent)
        shutil.rmtree(options.folder, ignore_errors=True)
        for lock in locks:
            os.close(lock)
    return agent.returncode if agent.returncode >= 0 else 128 - agent.returncode


def _share_lock(path: str) -> int:
    """Return a descriptor that keeps an installation or a folder from being removed as an old one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _wait(agent: "subprocess.Popen[bytes]", wake: socket.socket, silence_s: float) -> None:
    """Return when the agent has ended, the connection has ended or is silent, or a signal asks to stop."""
    while agent.poll() is None:
        readable, _, _ = select.select([sys.stdin, wake], [], [], silence_s)
        if not readable:
            return
        if wake in readable and any(number in _STOPPING_SIGNALS for number in wake.recv(64)):
            return
        if sys.stdin in readable and not os.read(sys.stdin.fileno(), 4096):
            return


def _stop(agent: "subprocess.Popen[bytes]") -> None:
    """Stop the agent and its process group: SIGTERM first, then SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(agent.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_S
    with contextlib.suppress(subprocess.TimeoutExpired):
        agent.wait(max(0.0, deadline_s - time.monotonic()))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(agent.pid, signal.SIGKILL)
    agent.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Disturbances: what is done to a server or to the generator while the load is running."""

import os
import signal
import subprocess
import sys
import time

from bench.selftest.check import GENERATOR_CPU
from bench.selftest.trial import RunningTrial

_PAUSE_S, _BETWEEN_PAUSES_S = 0.005, 0.045


def stop_server(trial: RunningTrial) -> tuple[int, int]:
    """Stop the server for a sixth of the load with SIGSTOP. Returns when it was stopped and continued, in ns."""
    time.sleep(trial.seconds / 3)
    stopped_ns = time.monotonic_ns()
    os.kill(trial.server_pid, signal.SIGSTOP)
    time.sleep(trial.seconds / 6)
    continued_ns = time.monotonic_ns()
    os.kill(trial.server_pid, signal.SIGCONT)
    return stopped_ns, continued_ns


def occupy_generator_cpu(trial: RunningTrial) -> None:
    """Compute on the generator's CPU until the load is over."""
    script = (
        "import os, time\n"
        f"os.sched_setaffinity(0, [{GENERATOR_CPU}])\n"
        f"end = time.monotonic() + {trial.seconds}\n"
        "while time.monotonic() < end: pass"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=10 + trial.seconds)


def pause_generator(trial: RunningTrial) -> None:
    """Stop the generator for 5 ms, twenty times per second."""
    end_s = time.monotonic() + 0.8 * trial.seconds
    while time.monotonic() < end_s:
        os.kill(trial.generator_pid, signal.SIGSTOP)
        time.sleep(_PAUSE_S)
        os.kill(trial.generator_pid, signal.SIGCONT)
        time.sleep(_BETWEEN_PAUSES_S)

"""The loop that keeps the servers' CPUs awake, if it does no harm."""

import contextlib
from collections.abc import Iterator, Sequence

from bench.experiment.child_commands import keep_awake_command
from bench.experiment.child_process import READY_S, Child
from bench.experiment.observer import RunObserver


@contextlib.contextmanager
def keep_cpus_awake(cpus: Sequence[int], observer: RunObserver) -> Iterator[None]:
    """Keep CPUs from halting, unless that harms the servers.

    Raises ChildError.
    """
    command = keep_awake_command(cpus)
    with Child("the keep-awake loop", command, cpus, pipe_stdin=True) as loop:
        loop.read_line(READY_S)
        with Child("the trial of the keep-awake loop", [*command, "--trial"], cpus) as trial:
            result = trial.read_line(READY_S)
        if result["gives_way"]:
            yield
            return
    observer.on_warning(
        "keep_awake is switched off: next to the keep-awake loop a process got only "
        f"{result['share']:.0%} of its CPU, and woke up after {result['wake_us']:.0f} us"
    )
    yield

"""One server of known behaviour and one load on it, as processes; and what both wrote down."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.experiment.child_process import Child, ChildError, environment_of_children
from bench.machine.affinity import pinned

READY_S = 60.0
LATE, LOST, CORRUPT_REPLIES = 1, 2, 3  # outcomes in a raw record; 0 is ok
_MOST_ROWS = 2_000_000
Array = np.ndarray[Any, Any]
STAMP = [
    ("connection", np.int64),
    ("number", np.int64),
    ("arrival_ns", np.int64),
    ("planned_ns", np.int64),
    ("sent_ns", np.int64),
    ("kind", "U12"),
]


@dataclass(frozen=True, slots=True)
class Trial:
    """What to run. Durations in seconds."""

    transport: str
    load: tuple[str, ...]  # options of the generator
    seconds: float
    behaviour: Mapping[str, int] = field(default_factory=dict)  # of the reference server
    model: str = ""  # a server model instead of the reference server
    cpu: int | None = None  # the generator's own; None: it has no CPU of its own and sleeps between its requests
    sabotage: str = ""  # a fault that the generator is to have


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the generator said, and what the server knows."""

    document: dict[str, Any]
    raw: Array  # RAW of clients.engine.thread_state, one row per request, sorted by intended, then sent time
    stamps: Array  # STAMP, in the order of planned times; empty for a model
    disturbed: Any  # what the disturbance returned


@dataclass(frozen=True, slots=True)
class Running:
    """The processes while a load is on, for whoever is to disturb them."""

    server_pid: int
    generator_pid: int
    seconds: float


def gather(trial: Trial, disturb: Callable[[Running], Any] | None = None) -> Evidence:
    """Run a trial. disturb: is called when the load has begun, and must return before it ends.

    Raises ChildError if server or generator did not do their part.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _server(trial, folder) as ready:
            document, disturbed = _load(trial, folder, ready, disturb)
        raw = np.load(folder / "raw.npy")
        raw = raw[np.lexsort((raw["sent_ns"], raw["intended_ns"]))]
        stamps = np.zeros(0, STAMP)
        if not trial.model:
            stamps = np.atleast_1d(np.genfromtxt(folder / "stamps.csv", STAMP, delimiter=",", skip_header=1))
            stamps = stamps[np.argsort(stamps["planned_ns"], kind="stable")]
    return Evidence(document, raw, stamps, disturbed)


@contextmanager
def _server(trial: Trial, folder: Path) -> Iterator[Mapping[str, Any]]:
    if trial.model:
        command = [sys.executable, "-m", "servers", trial.model, "--transport", trial.transport]
    else:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in trial.behaviour.items()]
        stamps = ["--stamps", str(folder / "stamps.csv")]
        command = [sys.executable, "-m", "servers.reference", "--transport", trial.transport, *options, *stamps]
    with Child("the server", command, _others(trial.cpu)) as child:
        yield child.read_line(READY_S)


def _others(cpu: int | None) -> list[int]:
    """CPUs that are not the generator's, if there are others."""
    usable = os.sched_getaffinity(0)
    return sorted(usable - {cpu}) or sorted(usable)


def _load(
    trial: Trial, folder: Path, ready: Mapping[str, Any], disturb: Callable[[Running], Any] | None
) -> tuple[dict[str, Any], Any]:
    command = [sys.executable, "-m", "clients", "load", f"{trial.transport}://127.0.0.1:{ready['port']}"]
    command += ["--seconds", str(trial.seconds), "--warmup", "0", "--json", "-", "--raw", str(folder / "raw.npy")]
    command += ["--raw-rows", str(_MOST_ROWS), *trial.load]
    if trial.cpu is not None:
        command += ["--cpus", str(trial.cpu)]
    env = environment_of_children() | ({"HOLABENCH_SABOTAGE": trial.sabotage} if trial.sabotage else {})
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as generator:
        try:
            disturbed = _disturb_once_loaded(generator, ready, trial, disturb)
            output, errors = generator.communicate(timeout=READY_S + 2 * trial.seconds)
        except BaseException:
            generator.kill()
            raise
    if generator.returncode:
        raise ChildError(f"the generator ended with code {generator.returncode}: {errors.strip()}")
    document: dict[str, Any] = json.loads(output)
    return document, disturbed


def _disturb_once_loaded(
    generator: "subprocess.Popen[str]",
    ready: Mapping[str, Any],
    trial: Trial,
    disturb: Callable[[Running], Any] | None,
) -> Any:
    if disturb is None:
        return None
    assert generator.stderr is not None
    told: Sequence[str] = generator.stderr.readline()  # that the load has begun
    if "under load" not in told:
        return None  # it has failed; its own words follow
    with pinned(sorted(os.sched_getaffinity(0))):
        return disturb(Running(int(ready["pid"]), generator.pid, trial.seconds))

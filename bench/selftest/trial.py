"""One trial of the selftest: a server of known behaviour and a load, run as processes, and what both recorded."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.experiment.child_commands import module_command
from bench.experiment.child_process import Child, ChildError
from bench.machine.affinity import pinned
from bench.machine.child_environment import model_environment

READY_S = 60.0
OUTCOME_LATE, OUTCOME_LOST = 1, 2  # in a raw record; 0 is ok, 3 corrupt
_MAX_RAW_ROWS = 2_000_000
Array = np.ndarray[Any, Any]
STAMP_FIELDS = [
    ("connection", np.int64),
    ("number", np.int64),
    ("arrival_ns", np.int64),
    ("planned_ns", np.int64),
    ("sent_ns", np.int64),
    ("kind", "U12"),
]


@dataclass(frozen=True, slots=True)
class Trial:
    """A server and the load on it."""

    transport: str
    load: tuple[str, ...]  # options of the generator
    seconds: float
    behaviour: Mapping[str, int] = field(default_factory=dict)  # of the reference server
    model: str = ""  # a server model instead of the reference server
    cpu: int | None = None  # the generator's own; None: it has no CPU of its own and sleeps between its requests
    sabotage: str = ""  # a fault that the generator injects into itself
    populations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # settings of several, by name


@dataclass(frozen=True, slots=True)
class Evidence:
    """The records of the generator and the server."""

    document: dict[str, Any]  # the generator's result; of the first population, with all under "populations"
    raw: Array  # one row per request, as ``clients load --raw`` writes it, sorted by intended, then by sent time
    stamps: Array  # STAMP_FIELDS, sorted by planned time; empty for a model
    disturbance: Any  # what the disturbance returned

    @property
    def codes(self) -> list[str]:
        """The names of the quality codes in the generator's verdict."""
        return [flag["code"] for flag in self.document["verdict"]["flags"]]


@dataclass(frozen=True, slots=True)
class RunningTrial:
    """The processes of a trial under load, for a disturbance."""

    server_pid: int
    generator_pid: int
    seconds: float


Disturbance = Callable[[RunningTrial], Any]


def run_trial(trial: Trial, disturb: Disturbance | None = None) -> Evidence:
    """Run a trial. disturb: called when the load has begun; must return before it ends.

    Raises ChildError if the server or the generator fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _start_server(trial, folder) as ready:
            document, disturbance = _run_load(trial, folder, ready, disturb)
        raw = np.load(folder / "raw.npy")
        raw = raw[np.lexsort((raw["sent_ns"], raw["intended_ns"]))]
        stamps = np.zeros(0, STAMP_FIELDS) if trial.model else _read_stamps(folder / "stamps.csv")
    return Evidence(document, raw, stamps, disturbance)


def _read_stamps(path: Path) -> Array:
    stamps = np.atleast_1d(np.genfromtxt(path, STAMP_FIELDS, delimiter=",", skip_header=1))
    return stamps[np.argsort(stamps["planned_ns"], kind="stable")]


@contextmanager
def _start_server(trial: Trial, folder: Path) -> Iterator[Mapping[str, Any]]:
    """Start the server; yields its ready line."""
    if trial.model:
        command = module_command("servers", trial.model, "--transport", trial.transport)
    else:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in trial.behaviour.items()]
        stamps = ["--stamps", str(folder / "stamps.csv")]
        command = module_command("servers.reference", "--transport", trial.transport, *options, *stamps)
    with Child("the server", command, _cpus_without(trial.cpu)) as child:
        yield child.read_line(READY_S)


def _cpus_without(cpu: int | None) -> list[int]:
    """Return the usable CPUs except one; all of them if no other is left."""
    usable = os.sched_getaffinity(0)
    return sorted(usable - {cpu}) or sorted(usable)


def _run_load(
    trial: Trial, folder: Path, ready: Mapping[str, Any], disturb: Disturbance | None
) -> tuple[dict[str, Any], Any]:
    """Run the generator; return its document and what the disturbance returned."""
    command = module_command("clients", "load", f"{trial.transport}://127.0.0.1:{ready['port']}")
    command += ["--warmup", "0", "--json", "-", "--raw", str(folder / "raw.npy"), "--raw-rows", str(_MAX_RAW_ROWS)]
    command += [*_length_options(trial), *_populations_options(trial, folder), *trial.load]
    if trial.cpu is not None:
        command += ["--cpus", str(trial.cpu)]
    env = model_environment() | ({"HOLABENCH_SABOTAGE": trial.sabotage} if trial.sabotage else {})
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as generator:
        try:
            disturbance = None
            if disturb is not None and _await_load(generator):
                with pinned(sorted(os.sched_getaffinity(0))):
                    disturbance = disturb(RunningTrial(int(ready["pid"]), generator.pid, trial.seconds))
            output, errors = generator.communicate(timeout=READY_S + 2 * trial.seconds)
        except subprocess.TimeoutExpired as error:
            generator.kill()
            raise ChildError(f"the generator did not end within {error.timeout:.0f} s") from error
        except BaseException:
            generator.kill()
            raise
    if generator.returncode:
        raise ChildError(f"the generator exited with code {generator.returncode}: {errors.strip()}")
    document: dict[str, Any] = json.loads(output)
    if trial.populations:
        document |= document["populations"][next(iter(trial.populations))]
    return document, disturbance


def _length_options(trial: Trial) -> list[str]:
    """Return the option for the length of the load, unless its phases have lengths."""
    has_phases = any("phases" in settings for settings in trial.populations.values())
    return [] if has_phases else ["--seconds", str(trial.seconds)]


def _populations_options(trial: Trial, folder: Path) -> list[str]:
    """Write the file of the populations, if there are any; return the option that names it."""
    if not trial.populations:
        return []
    file = folder / "populations.json"
    populations = [{"name": name, "settings": settings} for name, settings in trial.populations.items()]
    file.write_text(json.dumps(populations))
    return ["--populations", str(file)]


def _await_load(generator: "subprocess.Popen[str]") -> bool:
    """Wait until the generator reports that the load has begun; return False if it has failed before."""
    assert generator.stderr is not None
    return "Ctrl-C" in generator.stderr.readline()

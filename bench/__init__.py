"""The experiment: plan, measure, analyse, compare, report.

The packages follow the stages of a run, and imports go one way. ``IMPORT_RULES`` is the only list of these rules;
``tests/unit/test_imports.py`` checks every file against it, so that a new file is covered without being named.
``load`` reads a results folder from Python.
"""

# ``python -m bench`` runs this file before ``bench.__main__`` can take the working folder off the path. Until then a
# file ``typing.py`` or ``pathlib.py`` in that folder would be imported, so nothing is imported here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from bench.store.reader import RunData

__all__ = ["load"]

# The imports of each package within the project. Every package may import itself, ``escaping``, ``formatting``,
# ``schema`` and ``translation``. ``clients`` and ``servers`` state their rules themselves. Of the project,
# ``clients/engine`` may import ``clients.protocols`` only.
IMPORT_RULES: dict[str, tuple[str, ...]] = {
    "escaping": ("clients.escaping",),
    "formatting": (),
    "translation": (),  # opens catalogues; a text is translated where it is made
    "schema": ("clients.quality_codes", "clients.quality_catalogue"),
    "plan": ("servers.registry", "clients.quality_codes", "clients.quality_catalogue"),
    "machine": ("clients.kernel_counters",),
    "store": ("bench.plan", "clients.quality_codes", "clients.quality_catalogue"),
    "analysis": ("bench.plan", "clients.quality_codes", "clients.quality_catalogue"),
    "compare": ("bench.plan", "bench.analysis", "clients.quality_codes", "clients.quality_catalogue"),
    "export": ("bench.analysis", "bench.store.csv_rows", "clients.quality_codes"),
    "experiment": (
        "bench.plan",
        "bench.machine",
        "bench.store",
        "bench.analysis",
        "servers.registry",
        "servers.run_command",
        "clients.addresses",
        "clients.kernel_counters",
        "clients.quality_codes",
        "clients.quality_catalogue",
    ),
    "fleet": (
        "bench.plan",
        "bench.machine",
        "bench.store",
        "bench.experiment",
        "bench.analysis",
        "servers.parent_death",
        "servers.registry",
        "clients.addresses",
        "clients.worker_group",
        "clients.quality_codes",
    ),
    "report": (
        "bench.plan",
        "bench.store",
        "bench.analysis",
        "bench.compare",
        "servers.registry",
        "clients.heat_map",
        "clients.latency_windows",
        "clients.quality_codes",
        "clients.quality_catalogue",
    ),
    "selftest": ("bench.experiment.child_commands", "bench.experiment.child_process", "bench.machine"),
    "cli": ("bench", "servers.registry", "clients.cli_errors", "clients.quality_codes", "clients.quality_catalogue"),
}
# Modules that do no I/O: they compute from values, and tests need neither files nor processes for them.
PURE_PACKAGES = ("schema", "plan", "analysis", "compare", "export", "escaping", "formatting")
IMPURE_MODULES = ("bench/plan/toml.py",)  # reads plan files
IO_MODULES = ("os", "pathlib", "subprocess", "socket", "io", "psutil", "shutil", "tempfile", "rich", "typer")
# Libraries that one package or file alone may import.
RESERVED_LIBRARIES = {
    "typer": "bench/cli/",
    "rich": "bench/cli/",
    "matplotlib": "bench/report/charts/",
    "dask": "bench/fleet/engine.py",
    "distributed": "bench/fleet/engine.py",
    "cryptography": "bench/fleet/certificates.py",
    "asyncssh": "bench/fleet/ssh_hosts.py",
}
# The only modules of ``bench`` that start processes, and the means of each. ``clients`` starts none.
PROCESS_STARTERS = {
    "bench/experiment/child_process.py": ("subprocess",),  # servers and generators
    "bench/fleet/bound_agent.py": ("subprocess",),  # an agent, on its host
    "bench/fleet/on_host.py": ("subprocess",),  # pip, on a host
    "bench/fleet/wheelhouse.py": ("subprocess",),  # pip, to download wheels
    "bench/machine/environment.py": ("subprocess",),  # git, for the version
    "bench/machine/idle_loop.py": ("fork",),  # idle loops that keep CPUs awake
    "bench/machine/interpreters.py": ("subprocess",),  # other interpreters, for their names
    "bench/report/chart_workers.py": ("ProcessPoolExecutor", "multiprocessing"),  # workers that draw charts
    "bench/selftest/disturbances.py": ("subprocess",),  # programs that disturb a trial
    "bench/selftest/trial.py": ("subprocess",),  # generators
}


def load(folder: "str | PathLike[str]") -> "RunData":
    """Return a run with its tables as DataFrames: ``load("results/reference").trials``.

    The tables are ``trials``, ``slices``, ``rounds``, ``resources``, ``histograms``, ``timeline``,
    ``latency_windows``, ``generators``, ``replay``, ``max_rate``, ``summary``, ``comparisons`` and ``recovery``;
    docs/csv-columns.md lists their columns. The other attributes are ``rates``, ``slice_lengths``, ``plan``,
    ``environment``, ``started_at``, ``complete`` and ``load_time``. Raises bench.store.errors.StoreError if the folder
    is not a run, or has another schema.
    """
    from pathlib import Path

    from bench.store.reader import read_run

    return read_run(Path(folder))

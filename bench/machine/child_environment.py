"""The environment variables that servers and the generator get.

A variable of the user's shell can decide which model wins: ``PYTHONASYNCIODEBUG`` makes only asyncio slower, and
``LD_PRELOAD`` may replace the allocator. Models and the generator therefore get a defined environment. An external
server gets the user's own, as it may need any of it. Both are recorded.
"""

import os
from collections.abc import Mapping

# What a program needs to start, to find its files, and to print text. None of these changes how fast it serves.
_PASSED_ON = (
    "HOLABENCH_MODELS",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",  # an interpreter may be linked to a library that is nowhere else
    "NUMBA_CACHE_DIR",
    "PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "PYTHONUSERBASE",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
)
_PASSED_ON_PREFIXES = ("CONDA_", "LC_", "PYENV_")
_SET = {
    "NUMBA_NUM_THREADS": "1",  # libraries start no threads of their own
    "PYTHONUNBUFFERED": "1",  # the last lines of a server that was killed are not lost
}
PARENT_VARIABLE = "HOLABENCH_PARENT"  # servers.parent_death has the same name
# Variables that change how fast a program runs: those of the dynamic linker, the allocators and the interpreters.
_SPEED_VARIABLES = (
    "GLIBC_TUNABLES",
    "GOAMD64",
    "GODEBUG",
    "GOGC",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LD_AUDIT",
    "LD_BIND_NOW",
    "LD_PRELOAD",
    "NODE_ENV",
    "NODE_OPTIONS",
    "OMP_NUM_THREADS",
    "PERL5OPT",
    "PHP_INI_SCAN_DIR",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEBUG",
    "PYTHONDEVMODE",
    "PYTHONDUMPREFS",
    "PYTHONFAULTHANDLER",
    "PYTHONHASHSEED",
    "PYTHONMALLOC",
    "PYTHONMALLOCSTATS",
    "PYTHONOPTIMIZE",
    "PYTHONPERFSUPPORT",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONTRACEMALLOC",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
    "PYTHONVERBOSE",
    "PYTHON_CPU_COUNT",
    "PYTHON_GIL",
    "PYTHON_JIT",
    "PYTHON_PERF_JIT_SUPPORT",
    "PYTHON_TLBC",
    "RUBYOPT",
    "RUBY_YJIT_ENABLE",
    "UV_THREADPOOL_SIZE",
    "_JAVA_OPTIONS",
)
_SPEED_PREFIXES = ("DOTNET_", "GEVENT_", "MALLOC_", "MIMALLOC_", "NUMBA_", "PYPY_", "TCMALLOC_")


def model_environment() -> dict[str, str]:
    """Return the environment of models and of the generator.

    A server whose parent is not HOLABENCH_PARENT exits at once: holabench was killed before the server could ask the
    kernel to end it together with its parent.
    """
    kept = {name: value for name, value in os.environ.items() if _is_passed_on(name)}
    return kept | _SET | {PARENT_VARIABLE: str(os.getpid())}


def external_environment() -> dict[str, str]:
    """Return the environment of external servers: the user's own, with the pid that ``servers.run_command`` expects."""
    return {**os.environ, PARENT_VARIABLE: str(os.getpid())}


def speed_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that can change how fast a program runs, and that models do not get, sorted."""
    kept = (name for name in sorted(environment) if _changes_speed(name) and environment[name] != _SET.get(name))
    return {name: environment[name] for name in kept}


def describe_environment() -> dict[str, object]:
    """Return what a run records of its environment variables.

    Variables that are passed on are recorded by name only: they name the user and folders.
    """
    return {
        "variables_set_for_models": dict(_SET),
        "variables_passed_to_models": sorted(name for name in os.environ if _is_passed_on(name)),
        "variables_kept_from_models": speed_variables(os.environ),
    }


def _is_passed_on(name: str) -> bool:
    return name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)


def _changes_speed(name: str) -> bool:
    return name in _SPEED_VARIABLES or (name.startswith(_SPEED_PREFIXES) and name not in _PASSED_ON)

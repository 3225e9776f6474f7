"""Compiled functions: without the GIL, and cached on disk."""

import contextlib
import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

from clients.engine.compile_cache import enable, usable_folder


def compiled_sources() -> list[Path]:
    """Return the files that are compiled into the same folder, and the constants that they use.

    The baseline server is one of them: numba's index names its classes, and would fail to load after one was renamed.
    """
    engine = Path(__file__).parent
    servers = engine.parents[1] / "servers"
    baseline = [*sorted(servers.glob("native_*.py")), servers / "models" / "native.py"]
    sources = [*sorted(engine.glob("*.py")), engine.parent / "protocols.py", *baseline]
    return [source for source in sources if source.exists()]


def cache_folder() -> Path:
    """Return the folder of the compiled code, named after its sources.

    numba itself checks the time stamp of one file only, so a change in a function that a loop calls would go unnoticed.
    The folder is in the user's cache because the folder of an installed package may be read-only.
    """
    digest = hashlib.sha256()
    for source in compiled_sources():
        digest.update(source.read_bytes())
    return _user_cache() / "holabench" / digest.hexdigest()[:16]


def _user_cache() -> Path:
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder)
    try:
        return Path("~/.cache").expanduser()
    except RuntimeError:  # a container's user may have neither HOME nor an entry in /etc/passwd
        return Path(os.devnull)  # is replaced, as any folder that cannot be used


@contextlib.contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Make imports of a module fail for a moment, unless it is imported already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment] # None makes an import fail: see the import system's reference
    try:
        yield
    finally:
        del sys.modules[module]


# numba imports all of scipy.linalg to find BLAS, which no loop here uses; without BLAS numba works as well. Hiding the
# module saves 0.3 s of the 1.5 s that a start takes, and 9 MB that would count as memory of the native server.
with _hidden("scipy.linalg"), contextlib.suppress(ImportError):
    importlib.import_module("numba.np.arraymath")

if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(usable_folder(cache_folder()) or "")  # type: ignore[attr-defined] # numba.core.config sets its names at run time

Function = TypeVar("Function", bound=Callable[..., Any])

int64 = cast("Callable[[Any], int]", np.int64)  # a conversion in compiled code; to the type checker an int


_OPTIONS: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
# Without the wrappers through which Python calls it, a function compiles in two thirds of the time.
_INTERNAL_OPTIONS: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True}


def jit(function: Function) -> Function:
    """Compile a function at its first call; ``.py_func`` is the original function."""
    return _compiled(function, _OPTIONS)


def jit_internal(function: Function) -> Function:
    """Compile a function that only compiled code calls."""
    return _compiled(function, _INTERNAL_OPTIONS)


def jit_inline(function: Function) -> Function:
    """Compile a function into its callers, which are compiled code too.

    For the path of every request. A call copies the thread's state word by word. Inlining reduced the user time per
    request from 1.3 to 0.8 us.
    """
    return _compiled(function, {"forceinline": True, **_INTERNAL_OPTIONS})


def _compiled(function: Function, options: dict[str, Any]) -> Function:
    dispatcher = numba.njit(**options)(function)
    if dispatcher is not function:  # as with NUMBA_DISABLE_JIT
        enable(dispatcher)
    return cast("Function", dispatcher)

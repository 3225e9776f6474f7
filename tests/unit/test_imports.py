"""Imports go one way: the rules are in bench/__init__.py and at the top of servers and clients."""

import ast
import functools
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import bench
from servers import registry

ROOT = Path(__file__).parents[2]
PROJECT = {"bench", "clients", "servers", "tests"}
NATIVE_FILES = ("servers/models/native.py", "servers/native_hola.py", "servers/native_poll_set.py")
NATIVE_IMPORTS = ("clients.engine", "numpy")  # the baseline shares the compiled system calls of the generator
PROCESS_LIBRARIES = {"subprocess", "multiprocessing", "ProcessPoolExecutor"}
OS_STARTERS = {"fork", "forkpty", "popen", "posix_spawn", "posix_spawnp", "system"}
ALWAYS_ALLOWED = ("bench.escaping", "bench.formatting", "bench.schema", "bench.translation")


@functools.cache  # several tests read each file
def imports_of(path: Path) -> frozenset[str]:
    """Return the modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def process_starters_of(path: Path) -> set[str]:
    """Return the modules and functions with which a file starts processes."""
    imported = imports_of(path)
    used = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    libraries = {part for name in imported for part in name.split(".")} & PROCESS_LIBRARIES
    asyncio = {name.rpartition(".")[2] for name in imported | used if name.startswith("asyncio.create_subprocess")}
    return libraries | asyncio | {name for name in OS_STARTERS if f"os.{name}" in imported | used}


def files_of(package: str) -> list[str]:
    """Return the Python files of a package, relative to the root of the project."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py"))


def is_within(name: str, modules: tuple[str, ...]) -> bool:
    """Return whether a module is one of these, is inside one, or is a package on the way to one."""
    return any(f"{name}.".startswith(f"{module}.") or f"{module}.".startswith(f"{name}.") for module in modules)


def package_of(path: str) -> str:
    """Return the package of a file below ``bench``, or the module that is directly there."""
    return path.split("/")[1].removesuffix(".py")


BENCH_FILES = [path for path in files_of("bench") if path not in ("bench/__init__.py", "bench/__main__.py")]


def project_imports_of(path: str) -> set[str]:
    """Return the modules of the project that a file imports."""
    return {name for name in imports_of(ROOT / path) if name.partition(".")[0] in PROJECT}


def roots_of(names: Iterable[str]) -> set[str]:
    """Return the top packages of some modules."""
    return {name.partition(".")[0] for name in names}


# Each rule is one test of all files: a test for each file would be 1,600 tests, which take longer than what they check.


def test_servers_import_only_the_standard_library() -> None:
    assert {path: names for path in files_of("servers") if (names := foreign_imports_of_server(path))} == {}


def foreign_imports_of_server(path: str) -> set[str]:
    """Return the packages that a file of the servers imports, and should not."""
    names = imports_of(ROOT / path)
    if path in NATIVE_FILES:
        names = frozenset(name for name in names if not is_within(name, NATIVE_IMPORTS))
    stem = Path(path).stem
    libraries = {registry.describe(stem).needs} if stem in registry.names() else set()
    if "twisted" in libraries:
        libraries.add("zope")  # Twisted's own code takes its interfaces from there
    return roots_of(names) - sys.stdlib_module_names - {"servers"} - libraries


def test_clients_import_neither_servers_nor_bench() -> None:
    wrong = {path: roots_of(imports_of(ROOT / path)) & (PROJECT - {"clients"}) for path in files_of("clients")}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_engine_imports_only_the_protocols_of_clients() -> None:
    allowed = ("clients.engine", "clients.protocols")
    wrong = {
        path: {name for name in project_imports_of(path) if not is_within(name, allowed)}
        for path in files_of("clients/engine")
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_bench_package_imports_only_what_its_rule_allows() -> None:
    wrong = {}
    for path in BENCH_FILES:
        package = package_of(path)
        allowed = (f"bench.{package}", *ALWAYS_ALLOWED, *bench.IMPORT_RULES[package])
        wrong[path] = {name for name in project_imports_of(path) if not is_within(name, allowed)}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_pure_package_does_no_input_or_output() -> None:
    pure = [
        path for path in BENCH_FILES if package_of(path) in bench.PURE_PACKAGES and path not in bench.IMPURE_MODULES
    ]
    wrong = {path: roots_of(imports_of(ROOT / path)) & set(bench.IO_MODULES) for path in pure}
    assert {path: names for path, names in wrong.items() if names} == {}
    assert [path for path in pure if re.search(r"\bopen\(", (ROOT / path).read_text())] == []


def test_library_is_imported_only_by_its_package() -> None:
    wrong = {}
    for path in BENCH_FILES:
        libraries = roots_of(imports_of(ROOT / path)) & set(bench.RESERVED_LIBRARIES)
        wrong[path] = {library for library in libraries if not path.startswith(bench.RESERVED_LIBRARIES[library])}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_processes_are_started_only_by_their_modules() -> None:
    starters = {path: process_starters_of(ROOT / path) for path in [*BENCH_FILES, *files_of("clients")]}
    expected = {path: set(names) for path, names in bench.PROCESS_STARTERS.items()}
    assert {path: names for path, names in starters.items() if names} == expected


@pytest.mark.parametrize(
    ("source", "starters"),
    [
        ("import subprocess", {"subprocess"}),
        ("def f():\n    from multiprocessing.context import SpawnContext", {"multiprocessing"}),
        ("import os\nos.fork()", {"fork"}),
        ("from os import posix_spawn", {"posix_spawn"}),
        ("import asyncio\nasyncio.create_subprocess_exec('ls')", {"create_subprocess_exec"}),
        ("from concurrent.futures import ProcessPoolExecutor", {"ProcessPoolExecutor"}),
        ("import os, platform\nos.getpid()\nplatform.system()", set()),
    ],
)
def test_start_of_process_is_found(source: str, starters: set[str], tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(source)
    assert process_starters_of(tmp_path / "module.py") == starters


def test_every_bench_package_has_a_rule() -> None:
    assert {package_of(path) for path in BENCH_FILES} == set(bench.IMPORT_RULES)

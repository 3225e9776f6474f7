"""What imports what, as the packages say at their top."""

import ast
import sys
from pathlib import Path

import pytest

from servers import registry

ROOT = Path(__file__).parents[2]
OURS = {"bench", "clients", "servers", "tests"}


def imported(package: str) -> dict[str, set[str]]:
    """The modules that each file of a package imports, anywhere in it."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / package).rglob("*.py"):
        names = found.setdefault(str(path.relative_to(ROOT)), set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(("path", "names"), imported("servers").items())
def test_servers_import_the_standard_library_alone(path: str, names: set[str]) -> None:
    if path == "servers/models/native.py":  # compiled, with the system calls that the generator has compiled
        shared = ("clients.engine.syscalls", "clients.engine.raw_memory", "clients.engine.jit", "numpy")
        names = {name for name in names if name != "clients.engine" and not name.startswith(shared)}
    own = {registry.describe(Path(path).stem).needs} if Path(path).stem in registry.names() else set()
    needed = own | {"zope"} if "twisted" in own else own  # zope has the interfaces that Twisted's own code has
    others = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"servers"} - needed
    assert not others, path


@pytest.mark.parametrize(("path", "names"), imported("clients").items())
def test_clients_import_neither_servers_nor_bench(path: str, names: set[str]) -> None:
    assert not {name.partition(".")[0] for name in names} & (OURS - {"clients"}), path


@pytest.mark.parametrize(("path", "names"), imported("clients/engine").items())
def test_engine_imports_only_numpy_numba_and_protocol_constants(path: str, names: set[str]) -> None:
    ours = {name for name in names if name.startswith("clients")}
    allowed = ("clients.engine", "clients.protocols")
    assert all(name.startswith(allowed) for name in ours), path
    others = {name.partition(".")[0] for name in names - ours}
    assert others <= sys.stdlib_module_names | {"numpy", "numba"}, path


@pytest.mark.parametrize(("path", "names"), imported("bench").items())
def test_bench_imports_of_the_others_only_names_codes_and_the_command_line_helper(path: str, names: set[str]) -> None:
    others = {name for name in names if name.partition(".")[0] in {"servers", "clients"}}
    allowed = ("servers.registry", "clients.cli_errors", "clients.quality")
    assert all(name in {"servers", "clients"} or name.startswith(allowed) for name in others), path


@pytest.mark.parametrize("module", ["analysis/statistics", "analysis/summary", "plan/definition"])
def test_the_pure_parts_do_no_input_and_output(module: str) -> None:
    names = imported("bench")[f"bench/{module}.py"]
    assert not names & {"os", "pathlib", "subprocess", "socket", "io", "open", "psutil"}
    assert "open(" not in (ROOT / "bench" / f"{module}.py").read_text()

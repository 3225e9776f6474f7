"""The package as a whole: what it imports, where it runs, its sockets, and that a new file is a new model."""

import ast
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from servers import sockets
from tests.conformance.cases import ARMS, MODELS
from tests.support.processes import ROOT
from tests.support.servers import make_command, start_command
from tests.support.sockets import assert_serves
from tests.support.waiting import DEADLINE_S

FILES = sorted((ROOT / "servers").rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_servers_import_the_standard_library_and_themselves_alone(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert not imported & ({"bench", "clients"} if file.stem != "native" else {"bench"})
    if file.parent.name != "models":  # a model may need a library of its own
        assert imported <= sys.stdlib_module_names | {"servers", "__future__"}


def other_interpreter(name: str, pattern: str) -> str:
    """Find an interpreter on the path or where pyenv keeps them; skip if there is none that works."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in [shutil.which(name), *sorted(map(str, pyenv.glob(f"{pattern}/bin/python")))]:
        # It has to be tried: pyenv puts a file on the path for every version, whether that is switched on or not.
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip(f"no {name} on the path or in {pyenv}")


@pytest.mark.parametrize(
    ("name", "pattern"), [*((f"python3.{minor}", f"3.{minor}.*") for minor in range(9, 15)), ("pypy3", "pypy3*")]
)
def test_it_runs_under_every_interpreter_that_is_here(name: str, pattern: str) -> None:
    python = other_interpreter(name, pattern)
    compile_all = "import sys\nfor file in sys.argv[1:]: compile(open(file, encoding='utf-8').read(), file, 'exec')"
    subprocess.run([python, "-c", compile_all, *map(str, FILES)], check=True, timeout=DEADLINE_S)
    for model, transport in ARMS:
        if MODELS[model].needs:
            continue  # a library that another interpreter may lack
        with start_command([python, "-B", *make_command(model, transport)[1:]]) as server:
            assert_serves(server)
            if MODELS[model].parallel:
                server.workers()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Make a copy of the servers, to put other models beside them."""
    shutil.copytree(ROOT / "servers", tmp_path / "servers", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(cwd: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def test_a_new_file_is_a_new_model(copy: Path) -> None:
    source = '"""Another name for it."""\n\nfrom servers.models.iterative import serve_udp\n'
    (copy / "servers" / "models" / "newcomer.py").write_text(source)
    with start_command(make_command("newcomer", "udp"), cwd=copy) as server:
        assert_serves(server)
    result = run(copy, make_command("newcomer", "tcp"))
    assert result.returncode == 2
    assert result.stderr == "python -m servers: the model 'newcomer' does not serve tcp\n"


def test_a_model_whose_library_is_missing_says_what_to_install(copy: Path) -> None:
    (copy / "servers" / "models" / "newcomer.py").write_text("import a_library_that_nobody_has\n")
    result = run(copy, make_command("newcomer", "tcp"))
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "pip install a_library_that_nobody_has" in result.stderr


def test_a_listener_passes_its_options_on_to_the_connections() -> None:
    with sockets.bind_tcp("127.0.0.1", 0, 16) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as client, sockets.Acceptor(listener).accept_blocking() as conn:
            assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            assert conn.getpeername() == client.getsockname()
        assert sockets.backlog(listener) == 16


def test_a_udp_socket_has_the_buffers_that_the_machine_allows() -> None:
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    with sockets.bind_udp("127.0.0.1", 0) as sock:
        options = sockets.read_back(sock)
        assert options["rcvbuf"] == 2 * min(most, sockets.UDP_BUFFER_BYTES)  # the kernel counts its own part in
        assert options["backlog"] is None
        assert options["nodelay"] is None


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False)],
)
def test_only_loopback_addresses_pass_without_a_warning(address: str, loopback: bool) -> None:
    assert sockets.is_loopback(address) is loopback

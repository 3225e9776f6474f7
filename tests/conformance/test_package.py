"""The package as a whole: imports, interpreters, sockets, new models."""

import ast
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from servers import registry, sockets
from tests.conformance.cases import ARMS, MODELS
from tests.conformance.families import one_per_conversation, one_per_loop
from tests.support.processes import ROOT, find_interpreter, run_program
from tests.support.servers import describe, make_command, start_command
from tests.support.sockets import assert_serves, connect, exchange
from tests.support.waiting import DEADLINE_S
from tests.support.work_frames import RELEASE, make_frame

FILES = sorted((ROOT / "servers").rglob("*.py"))
OTHER_MINORS = [
    minor for minor in range(9, 15) if minor != sys.version_info.minor
]  # all other tests run under this one
PYTHONS = [*((f"python3.{minor}", f"3.{minor}.*") for minor in OTHER_MINORS), ("pypy3", "pypy3*")]
COMPILE_ALL = "import sys\nfor file in sys.argv[1:]: compile(open(file, encoding='utf-8').read(), file, 'exec')"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_servers_import_only_the_standard_library_and_themselves(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    is_compiled = file.stem.startswith("native")  # the baseline, with the compiled system calls of clients
    assert not imported & ({"bench"} if is_compiled else {"bench", "clients"})
    if file.parent.name != "models" and not is_compiled:  # a model may need a library of its own
        assert imported <= sys.stdlib_module_names | {"servers", "__future__"}


@pytest.mark.parametrize("name", registry.names())
def test_model_source_is_usable(name: str) -> None:
    assert describe(name).broken == ""


@pytest.mark.parametrize(("name", "version_pattern"), PYTHONS)
def test_servers_run_under_every_installed_interpreter(name: str, version_pattern: str, tmp_path: Path) -> None:
    """Run all models over TCP, and one of each conversation and all pools over UDP; for work, one of each loop."""
    python = find_interpreter(name, version_pattern)
    # Bytecode in a folder of its own leaves no file in the project. Without it, each of 60 starts would compile what it
    # imports; where PYTHONPYCACHEPREFIX is set, as by nox, the standard library, too.
    cached = ["-X", f"pycache_prefix={tmp_path}"]
    subprocess.run([python, "-c", COMPILE_ALL, *map(str, FILES)], check=True, timeout=DEADLINE_S)
    over_udp = {*one_per_conversation("udp"), *(model for model in MODELS if MODELS[model].parallel)}
    for model, transport in ARMS:
        if MODELS[model].needs or (transport == "udp" and model not in over_udp):
            continue  # another interpreter may lack a library that a model needs
        command = make_command(model, transport, python=python)
        with start_command([python, *cached, *command[1:]]) as server:
            assert_serves(server)
            server.workers()
    for model in one_per_loop("tcp", "work"):
        if not MODELS[model].needs:
            command = make_command(model, "tcp", "work", python=python)
            with start_command([python, *cached, *command[1:]]) as server, connect(server) as conn:
                exchange(conn, make_frame(wait_us=1_000, compute=5) + make_frame(compute=RELEASE | 5))


@pytest.fixture
def copied_servers(tmp_path: Path) -> Path:
    """Copy the servers, so that a test can add models."""
    shutil.copytree(ROOT / "servers", tmp_path / "servers", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_new_file_is_a_new_model(copied_servers: Path) -> None:
    source = '"""Another name for it."""\n\nfrom servers.models.iterative import serve_udp\n'
    (copied_servers / "servers" / "models" / "newcomer.py").write_text(source)
    with start_command(make_command("newcomer", "udp"), cwd=copied_servers) as server:
        assert_serves(server)
    result = run_program(make_command("newcomer", "tcp"), cwd=copied_servers)
    assert result.returncode == 2
    assert result.stderr == "python -m servers: the model 'newcomer' does not serve echo over tcp\n"


def test_model_with_missing_library_fails_with_install_hint(copied_servers: Path) -> None:
    (copied_servers / "servers" / "models" / "newcomer.py").write_text("import a_library_that_nobody_has\n")
    result = run_program(make_command("newcomer", "tcp"), cwd=copied_servers)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "pip install a_library_that_nobody_has" in result.stderr


def test_listener_passes_its_options_to_connections() -> None:
    with sockets.bind_tcp("127.0.0.1", 0, 16) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as client, sockets.Acceptor(listener).accept_blocking() as conn:
            assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            assert conn.getpeername() == client.getsockname()
        assert sockets.backlog(listener) == 16


def test_udp_socket_buffers_are_limited_by_the_kernel() -> None:
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    with sockets.bind_udp("127.0.0.1", 0) as sock:
        options = sockets.read_back(sock)
        assert options["rcvbuf"] == 2 * min(most, sockets.UDP_BUFFER_BYTES)  # the kernel doubles it for its own part
        assert options["backlog"] is None
        assert options["nodelay"] is None


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False)],
)
def test_loopback_addresses_are_recognised(address: str, loopback: bool) -> None:
    assert sockets.is_loopback(address) is loopback

"""The registry: which models exist, how they are described from their source, and what a broken one does."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from servers import models, registry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models, in addition to those of the package."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    return tmp_path


def run_server(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "servers", *arguments],
        cwd=ROOT,
        env={**os.environ, models.FOLDERS_VARIABLE: str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_names_are_sorted_and_complete() -> None:
    assert set(registry.names()) >= {"asyncio", "iterative", "multiprocessing", "select", "thread_per_client"}
    assert registry.names() == sorted(registry.names())


def test_names_and_describe_import_no_model(folder: Path) -> None:
    (folder / "newcomer.py").write_text('"""Never imported."""\n\nraise SystemExit\n')
    assert "newcomer" in registry.names()
    for name in registry.names():
        registry.describe(name)
    assert "servers.models.newcomer" not in sys.modules


def test_names_exclude_private_files(folder: Path) -> None:
    (folder / "_helper.py").touch()
    assert "_helper" not in registry.names()


def test_models_of_the_package_precede_those_of_folders(folder: Path) -> None:
    (folder / "select.py").write_text('"""Another model of the same name."""\n')
    assert registry.describe("select").transports == ("tcp", "udp")


@pytest.mark.parametrize(
    ("name", "max_tcp_clients", "parallel"),
    [
        ("asyncio", None, False),
        ("iterative", 1, False),
        ("multiprocessing", 1_000, True),
        ("select", 1_000, False),
        ("thread_per_client", None, False),
    ],
)
def test_describe_reads_properties_from_source(name: str, max_tcp_clients: int | None, parallel: bool) -> None:
    model = registry.describe(name)
    assert model.name == name
    assert model.help.endswith(".")
    assert model.transports == ("tcp", "udp")
    assert model.max_tcp_clients == max_tcp_clients
    assert model.parallel is parallel
    assert (model.missing, model.broken, model.unavailable_reason) == (False, "", "")


def test_package_models_are_not_broken_and_have_one_line_of_help() -> None:
    for name in registry.names():
        model = registry.describe(name)
        assert not model.broken, model.broken
        assert model.help.endswith("."), f"{name}: the first line of its docstring is not a sentence"


@pytest.mark.parametrize(
    ("source", "transports"),
    [
        ("def serve_tcp(listener, new_handler): ...", ("tcp",)),
        ("def serve_udp(sock, new_handler): ...", ("udp",)),
        ("from servers.models.iterative import serve_udp", ("udp",)),
        ("from servers.models.iterative import serve_udp as serve_tcp", ("tcp",)),
        ("from servers.models import iterative\nserve_udp = serve_tcp = iterative.serve_udp", ("tcp", "udp")),
        ("serve_tcp: object = print", ("tcp",)),
        ("serve_tcp: object", ()),
        ("def helper():\n    def serve_tcp(): ...", ()),
        ("", ()),
    ],
)
def test_describe_finds_transports_of_any_binding(folder: Path, source: str, transports: tuple[str, ...]) -> None:
    (folder / "newcomer.py").write_text(source)
    assert registry.describe("newcomer").transports == transports


@pytest.mark.parametrize(
    ("source", "protocols"),
    [
        ("def serve_tcp(listener, new_handler): ...", ("echo", "hola")),
        ("def serve_work_tcp(listener): ...", ("work",)),
        ("def serve_tcp(listener, new_handler): ...\ndef serve_work_tcp(listener): ...", ("echo", "hola", "work")),
        ("serve_tcp = serve_udp = serve_work_tcp = print", ("echo", "hola")),
        ("serve_tcp = serve_work_tcp = serve_work_udp = print", ("echo", "hola", "work")),
        ("", ()),
    ],
)
def test_describe_finds_protocols_served_over_every_transport(
    folder: Path, source: str, protocols: tuple[str, ...]
) -> None:
    (folder / "newcomer.py").write_text(source)
    assert registry.describe("newcomer").protocols == protocols


def test_baseline_does_not_serve_work() -> None:
    assert registry.describe("native").protocols == ("echo", "hola")


@pytest.mark.parametrize(
    ("model", "tcp", "udp"),
    [
        ("asyncio", None, None),
        ("asyncio_blocking", 1, 1),
        ("iterative", 1, 1),
        ("multiprocessing", 1_000, 1),
        ("select", 1_000, None),
        ("socketserver_forking", 40, 40),
        ("thread_per_client", None, None),
        ("thread_pool", 64, 4),
    ],
)
def test_describe_reads_how_many_requests_wait_at_a_time(model: str, tcp: int | None, udp: int | None) -> None:
    assert registry.describe(model).max_waits == {"tcp": tcp, "udp": udp}


@pytest.mark.parametrize(("cpus", "threads"), [(1, 5), (2, 6), (28, 32), (64, 32), (None, 5)])
def test_default_executor_has_cpus_plus_4_threads(
    monkeypatch: pytest.MonkeyPatch, cpus: int | None, threads: int
) -> None:
    monkeypatch.setattr(os, "process_cpu_count" if hasattr(os, "process_cpu_count") else "cpu_count", lambda: cpus)
    assert registry.describe("asyncio_to_thread").max_waits == {"tcp": threads, "udp": threads}


def test_describe_takes_help_from_first_docstring_line(folder: Path) -> None:
    (folder / "newcomer.py").write_text('"""Help text.\n\nMore text.\n"""\n')
    (folder / "silent.py").touch()
    assert registry.describe("newcomer").help == "Help text."
    assert registry.describe("silent").help == ""


def test_package_models_state_what_they_represent() -> None:
    for name in registry.names():
        assert registry.describe(name).represents, f"{name}: its docstring has no line {registry.REPRESENTS!r}"


def test_library_models_that_teach_have_no_private_attribute() -> None:
    for name in registry.names():
        if registry.describe(name).represents.startswith("tuned"):
            continue
        path = Path(registry.__file__).parent / "models" / f"{name}.py"
        attributes = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        private = {attribute for attribute in attributes if re.match("_[^_]", attribute)}
        assert not private | attributes & {"max_size"}, name


@pytest.mark.parametrize(
    "text",
    [
        "as the documentation teaches",
        "the standard library's defaults",
        "tuned: a larger buffer",
        "a common mistake: a blocking call",
    ],
)
def test_describe_reads_what_a_model_represents(folder: Path, text: str) -> None:
    (folder / "newcomer.py").write_text(f'"""Help.\n\nRepresents: {text}\n\nMore.\n"""\n')
    assert registry.describe("newcomer").represents == text
    assert registry.describe("newcomer").broken == ""


@pytest.mark.parametrize(
    "text", ["tuned", "tuned:", "a common mistake: ", "whatever", "as the documentation teaches, and more"]
)
def test_describe_rejects_another_form_of_what_a_model_represents(folder: Path, text: str) -> None:
    (folder / "newcomer.py").write_text(f'"""Help.\n\nRepresents: {text}\n"""\n')
    assert (
        "must be one of: as the documentation teaches; the standard library's defaults; tuned: HOW; "
        "a common mistake: WHICH"
    ) in registry.describe("newcomer").broken


BROKEN_SOURCES = [
    (b"x = 1\ndef\n", ":2: invalid syntax"),
    (b"x = 'caf\xe9'\n", "newcomer.py:"),
    (b"x = 1\n\0\n", "null bytes"),
    (b"x = " + b"(" * 10_000, "newcomer.py:"),
    (b"MAX_TCP_CLIENTS = 'many'\n", ":1: MAX_TCP_CLIENTS must be a whole number above 0"),
    (b"\nMAX_TCP_CLIENTS = 0\n", ":2: MAX_TCP_CLIENTS must be a whole number above 0"),
    (b"MAX_TCP_CLIENTS = True\n", ":1: MAX_TCP_CLIENTS must be a whole number above 0"),
    (b"OWN_BACKLOG: int = -5\n", ":1: OWN_BACKLOG must be a whole number above 0"),
    (b"PARALLEL = 1\n", ":1: PARALLEL must be True or False"),
    (b"NEEDS = print\n", ":1: NEEDS must be the name of a library"),
    (b"MAX_UDP_WAITS = 0\n", ":1: MAX_UDP_WAITS must be a whole number above 0"),
    (b"MAX_TCP_WAITS = 'many'\n", ":1: MAX_TCP_WAITS must be a whole number above 0"),
    (b"OWN_BACKLOG = 'default executor'\n", ":1: OWN_BACKLOG must be a whole number above 0"),
]


@pytest.mark.parametrize(("source", "reason"), BROKEN_SOURCES)
def test_describe_broken_source_returns_one_line_reason(folder: Path, source: bytes, reason: str) -> None:
    (folder / "newcomer.py").write_bytes(source)
    model = registry.describe("newcomer")
    assert model.broken.startswith(str(folder / "newcomer.py"))
    assert reason in model.broken
    assert "\n" not in model.broken
    assert model.missing
    assert model.unavailable_reason == f"is broken: {model.broken}"
    assert model.transports == ("tcp", "udp"), "it must be listed, and skipped with its reason, for every transport"


def test_describe_unreadable_file_returns_reason(folder: Path) -> None:
    (folder / "newcomer.py").mkdir()
    assert registry.describe("newcomer").broken == f"{folder / 'newcomer.py'}: Is a directory"
    (folder / "dangling.py").symlink_to(folder / "nowhere")
    assert registry.describe("dangling").broken == f"{folder / 'dangling.py'}: No such file or directory"


def test_describe_other_models_despite_broken_one(folder: Path) -> None:
    (folder / "newcomer.py").write_text("def\n")
    broken = {name for name in registry.names() if registry.describe(name).broken}
    assert broken == {"newcomer"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1\ndef\n", "newcomer.py:2: invalid syntax"),
        ("x = 1\nx.y\n", "newcomer.py:2: AttributeError: 'int' object has no attribute 'y'"),
        ("from servers.models.iterative import nothing\n", "newcomer.py:1: ImportError: cannot import name 'nothing'"),
        ("import servers.no_such_module\n", "newcomer.py:1: ModuleNotFoundError: No module named 'servers.no_such"),
        ("\nraise ValueError('two\\nlines')\n", "newcomer.py:2: ValueError: two lines"),
        ("from servers.models import other\n", "other.py:1: invalid syntax"),
    ],
)
def test_server_of_broken_model_exits_with_one_line(tmp_path: Path, source: str, reason: str) -> None:
    (tmp_path / "newcomer.py").write_text(source)
    (tmp_path / "other.py").write_text("def\n")
    result = run_server("newcomer", folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("python -m servers: the model 'newcomer' is broken: ")
    assert reason in result.stderr


@pytest.mark.parametrize("name", ["nobody", "", "..", "iterative.py", "_helper"])
def test_unknown_name_raises_with_available_models(name: str) -> None:
    for function in (registry.describe, registry.load):
        with pytest.raises(LookupError, match=r"no server model .*; available: .*iterative"):
            function(name)


def test_load_returns_module_with_serve_functions() -> None:
    model = registry.load("iterative")
    assert callable(model.serve_tcp)
    assert callable(model.serve_udp)


def test_load_missing_library_raises_with_install_hint(folder: Path) -> None:
    (folder / "newcomer.py").write_text("import a_library_that_nobody_has.inside\n")
    hint = "'newcomer' needs a_library_that_nobody_has, which is not installed: pip install a_library_that_nobody_has"
    with pytest.raises(LookupError, match=hint):
        registry.load("newcomer")


@pytest.mark.parametrize("needs", ["a_library_that_nobody_has", "a_library_that_nobody_has.inside"])
def test_describe_missing_library_gives_install_hint(folder: Path, needs: str) -> None:
    (folder / "newcomer.py").write_text(f'NEEDS = "{needs}"\n\ndef serve_tcp(listener, new_handler): ...\n')
    model = registry.describe("newcomer")
    assert model.missing
    assert model.transports == ("tcp",)
    assert model.unavailable_reason == f"needs {needs}, which is not installed: pip install {needs}"


def test_skeleton_is_a_complete_model(folder: Path) -> None:
    (folder / "newcomer.py").write_text(registry.skeleton("newcomer"))
    model = registry.describe("newcomer")
    assert model.transports == ("tcp", "udp")
    assert (model.broken, model.missing, model.parallel) == ("", False, False)
    assert "newcomer" in model.help


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_skeleton_serves(tmp_path: Path, transport: str) -> None:
    (tmp_path / "newcomer.py").write_text(registry.skeleton("newcomer"))
    command = [sys.executable, "-m", "servers", "newcomer", "--transport", transport]
    environment = {**os.environ, models.FOLDERS_VARIABLE: str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
            with socket.socket(socket.AF_INET, kind) as client:
                client.settimeout(20)
                client.connect((ready["host"], ready["port"]))
                client.send(b"hello")
                assert client.recv(100) == b"hello"
        finally:
            server.kill()


def test_skeleton_is_not_a_model_itself() -> None:
    assert "model_template" not in registry.names()


@pytest.mark.parametrize("name", ["", "my-model", "_private", "3models", "a.b", "../x", "select"])
def test_skeleton_rejects_unusable_and_taken_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not a valid model name|already exists: .*select\.py"):
        registry.skeleton(name)

"""Commands in a working folder whose files have the names of modules that they import."""

import json
import sys
from pathlib import Path

import pytest

from bench.experiment.child_commands import external_command, generator_command, server_command
from tests.support.commands import COMMAND_DEADLINE_S
from tests.support.processes import ROOT, find_interpreter, run_program
from tests.support.servers import start_command
from tests.support.sockets import assert_serves

FILES = ("argparse", "asyncio", "bench", "json", "numpy", "pathlib", "select", "servers", "socket", "types", "typing")
FOLDERS = ("clients", "email")
REFUSED = "the working folder was imported"
EXTERNAL = f"import sys; sys.path.remove(''); sys.path.append({str(ROOT)!r}); print(sys.argv[1:])"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paths = [*(f"{name}.py" for name in FILES), *(f"{name}/__init__.py" for name in FOLDERS)]
    for path in paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f"raise SystemExit('{REFUSED}: {path}')\n")
    return tmp_path


@pytest.mark.parametrize(
    ("program", "versions"), [("", ""), ("python3.9", "3.9*"), ("python3.10", "3.10*"), ("pypy3", "pypy3*")]
)
@pytest.mark.parametrize("model", ["select", "asyncio"])
def test_model_starts_under_each_interpreter(program: str, versions: str, model: str, folder: Path) -> None:
    python = find_interpreter(program, versions) if program else sys.executable
    with start_command(server_command(model, "tcp", "echo", 1, python), cwd=folder) as server:
        assert_serves(server)


@pytest.mark.parametrize("program", ["", "python3.10", "pypy3"])
def test_model_starts_in_removed_folder(program: str, tmp_path: Path) -> None:
    python = find_interpreter(program, f"{program.removeprefix('python')}*") if program else sys.executable
    gone = tmp_path / "gone"
    gone.mkdir()
    remove = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone)]
    with start_command([*remove, *server_command("select", "tcp", "echo", 1, python)]) as server:
        assert_serves(server)
    if program == "pypy3":
        return  # its own -m fails there
    gone.mkdir()
    module = [python, "-m", "servers", "no_such_model"]
    completed = run_program([*remove, *module], environment={"PYTHONPATH": str(ROOT)})
    assert "no server model 'no_such_model'" in completed.stderr


def test_generator_starts(folder: Path) -> None:
    completed = run_program(generator_command([0]), cwd=folder, timeout_s=COMMAND_DEADLINE_S, stdin="")
    assert json.loads(completed.stdout.splitlines()[0])["ready"], completed.stderr


def test_external_server_gets_its_own_arguments(folder: Path) -> None:
    completed = run_program(external_command([sys.executable, "-c", EXTERNAL, "-m", "8000"]), cwd=folder)
    assert completed.stdout == "['-m', '8000']\n", completed.stderr


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        ("clients", ["talk", "127.0.0.1", "1"], "nobody listens"),
        ("servers", ["no_such_model"], "no server model 'no_such_model'"),
        (
            "bench",
            ["run", "quick", "--models", "no_such_model"],
            "--models no_such_model: 'no_such_model' is not a server model",
        ),
    ],
)
def test_command_of_module_starts(module: str, arguments: list[str], expected: str, folder: Path) -> None:
    (folder / "types.py").unlink()  # python -m imports it before anything of this project
    (folder / f"{module}.py").unlink(missing_ok=True)  # it would be the module to run
    if (folder / module).exists():
        (folder / module / "__init__.py").unlink()
        (folder / module).rmdir()
    completed = run_program([sys.executable, "-m", module, *arguments], cwd=folder, timeout_s=COMMAND_DEADLINE_S)
    assert expected in completed.stderr


def test_working_folder_in_pythonpath_stays(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("")
    model = "import helper\n\ndef serve_tcp(listener, new_handler):\n    raise SystemExit(7)\n"
    (tmp_path / "own_model.py").write_text(model)
    environment = {"PYTHONPATH": str(tmp_path), "HOLABENCH_MODELS": str(tmp_path)}
    command = server_command("own_model", "tcp", "echo", 1)
    completed = run_program(command, cwd=tmp_path, environment=environment)
    assert completed.returncode == 7, completed.stderr


def test_launcher_imports_nothing_else_beside_the_project(tmp_path: Path) -> None:
    for name in ("servers", "bystander"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "servers" / "launch.py").write_text((ROOT / "servers" / "launch.py").read_text())
    (tmp_path / "servers" / "probe.py").write_text("def main():\n    import bystander\n")
    completed = run_program([sys.executable, str(tmp_path / "servers" / "launch.py"), "servers.probe"])
    assert "No module named 'bystander'" in completed.stderr

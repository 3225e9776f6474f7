"""Every command in the documents is run as it is written there, with as little load as possible."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.report.charts.catalogue import QUESTIONS
from bench.selftest.checks import all_checks
from tests.support.commands import run_python, start_python
from tests.support.fleet import ALLOW_ROOT
from tests.support.processes import ROOT
from tests.support.servers import start_server
from tests.system import test_disturbance_presets, test_presets
from tests.system.test_help import BENCH_COMMANDS

pytestmark = pytest.mark.slow
DOCUMENTS = ["README.md", "README.es.md", "CONTRIBUTING.md", "results/README.md", *sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")
)]  # fmt: skip
LITTLE_LOAD = ["--blocks", "1", "--seconds", "0.05", "--connections", "1", "--no-charts"]
# Other tests run these with little load, and check what they measure; here the command only has to be understood.
RUN_ELSEWHERE = [[preset] for preset in (*test_presets.PRESETS, *test_disturbance_presets.CHARTS)]
REPLACED_OPTIONS = ("--minutes", "--target-precision", "--max-minutes", "--blocks", "--seconds")
SUCCESS_CODES = {"run": (0, 3), "compare": (0, 4, 5), "doctor": (0, 1), "selftest": (0, 1)}
PROGRAMS = {"php": "php", "node": "node", "pypy3": "pypy3", "tutorial": "php"}  # that a command with this word needs
RUN_TIMEOUT_S = 110.0


def find_commands() -> list[str]:
    """Return the commands in the documents' code blocks, without their comments; each once.

    Arguments after ``--`` of a nox session are passed to holabench, so such a command is returned as holabench's.
    """
    commands = []
    for name in DOCUMENTS:
        for line in (ROOT / name).read_text().splitlines():
            code = re.match(r"\s{4,}((?:holabench|python -m|\.venv/bin/nox) .*)", line)
            if code:
                command = code[1].partition("  #")[0].strip()
                commands.append(command.replace(".venv/bin/nox -s bench --", "holabench run"))
    return list(dict.fromkeys(commands))


COMMANDS = find_commands()
# Those that serve until they are ended; measure-units returns.
SERVERS = [
    command for command in COMMANDS if command.startswith("python -m servers") and "measure-units" not in command
]


@pytest.fixture(scope="module")
def run_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small runs."""
    options = ["quick", "--models", "select", "--transports", "tcp", "--blocks", "2", "--seconds", "0.05"]
    options += ["--connections", "1", "--no-charts", "--output-dir", str(tmp_path_factory.mktemp("runs"))]
    runs = [run_python("-m", "bench", "run", *options, timeout_s=RUN_TIMEOUT_S) for _ in range(2)]
    return [Path(run.stdout.strip()) for run in runs]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    plan = ROOT / "bench" / "plan" / "presets" / "quick.toml"
    (tmp_path / "my-plan.toml").write_text(plan.read_text())
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with start_server("asyncio", "tcp", "hola") as tcp, start_server("asyncio", "udp", "echo") as udp:
        yield {"tcp": tcp["port"], "udp": udp["port"]}


def make_arguments(command: str, run_folders: list[Path], directory: Path, ports: dict[str, int]) -> list[str]:
    """Return the arguments of ``python`` for a command, with the test's folders and ports and with little load."""
    words = shlex.split(command)
    words = ["-m", "bench", *words[1:]] if words[0] == "holabench" else words[1:]
    transport = "udp" if "udp://" in command else "tcp"
    replacements = {
        "results/RUN": str(run_folders[0]),
        "results/OTHER": str(run_folders[1]),
        "8000": str(ports[transport]),
        "examples/": f"{directory}/examples/",
        "my-plan.toml": str(directory / "my-plan.toml"),
        "times.npy": str(directory / "times.npy"),
        "changes.html": str(directory / "changes.html"),
        "latency.svg": str(directory / "latency.svg"),
        "FOLDER": str(directory),
        "servers/models": str(directory),
    }
    for old, new in replacements.items():
        words = [word.replace(old, new) for word in words]
    if words[:3] == ["-m", "bench", "run"] and not {"--resume", "--help", "--dry-run"} & set(words):
        words = [*words, "--dry-run"] if words[3:] in RUN_ELSEWHERE else _reduce_load(words, directory)
    if words[:3] == ["-m", "bench", "selftest"] and "--only" not in words:
        words += ["--only", "lost_replies"]  # tests/selftest runs all checks
    if words[:3] == ["-m", "bench", "new-model"] and "--directory" not in words:
        words += ["--directory", str(directory)]
    if words[:3] == ["-m", "clients", "load"]:
        words += ["--seconds", "0.2"]
    if words[1:2] == ["bench"] and words[2] in ("agent", "fleet-keys"):
        words = _move_keys(words, directory)
    return words


def _move_keys(words: list[str], directory: Path) -> list[str]:
    """Return a command with keys in the test's directory. An agent finds no scheduler, and does not wait for one."""
    if words[2] == "fleet-keys":
        return [str(directory / word) if word == "keys" else word for word in words]
    make_keys = pytest.importorskip("bench.fleet.certificates", exc_type=ImportError).make_keys
    make_keys(directory / "keys", ["lab1"])
    words = [str(directory / word) if word.startswith("keys/") else word for word in words]
    return [word.replace("10.0.0.1:8786", "127.0.0.1:1") for word in words] + ["--wait", "0", *ALLOW_ROOT]


def _reduce_load(words: list[str], directory: Path) -> list[str]:
    for option in REPLACED_OPTIONS:
        if option in words:
            position = words.index(option)
            words = words[:position] + words[position + 2 :]
    if len(words) == 3 or words[3].startswith("--"):  # the preset is left out
        words = [*words[:3], "quick", *words[3:]]
    words += [*LITTLE_LOAD, "--output-dir", str(directory)]
    if "tutorial" not in words:
        words += ["--transports", "tcp"]
        words += [] if "--models" in words else ["--models", "asyncio"]
    return words


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in SERVERS])
def test_documented_command_succeeds(
    command: str, run_folders: list[Path], directory: Path, ports: dict[str, int]
) -> None:
    for word, program in PROGRAMS.items():
        if word in command and shutil.which(program) is None:
            pytest.skip(f"no {program} on the path")
    if command.startswith(".venv/bin/nox") and " -- " not in command:
        session = shlex.split(command)[2]
        assert f"def {session}(" in (ROOT / "noxfile.py").read_text()
        return
    if command.startswith(".venv/bin/nox") or ("my_model" in command and "new-model" not in command):
        pytest.skip("runs the tests themselves, or a model that the reader writes")
    if "--servers-on" in command or "--fleet" in command:
        pytest.skip("needs other hosts; tests/system/test_fleet_run.py runs such a command")
    arguments = make_arguments(command, run_folders, directory, ports)
    completed = run_python(*arguments, timeout_s=RUN_TIMEOUT_S)
    if "--resume" in arguments:
        assert "the run is complete" in completed.stderr
        return
    if arguments[1:3] == ["bench", "agent"]:
        assert "no scheduler within 0 s" in completed.stderr
        return
    codes = SUCCESS_CODES.get(arguments[2] if len(arguments) > 2 else "", (0,))
    # On a busy machine every value of such a small run may be invalid; then --fail-if and export have no value.
    has_no_value = any(text in completed.stderr for text in ("--fail-if on ", ": nothing to export as "))
    assert completed.returncode in codes or has_no_value, completed.stderr
    # On a busy machine a value may be invalid, but every case is measured or skipped with its reason.
    assert "could not be measured" not in completed.stderr
    assert "will not be measured" not in completed.stderr


@pytest.mark.parametrize("command", SERVERS)
def test_documented_server_starts(command: str) -> None:
    words = shlex.split(command.replace("8000", "0"))[1:]
    with start_python(*words) as server:
        assert server.stdout is not None
        assert json.loads(server.stdout.readline())["port"] > 0


@pytest.mark.parametrize("command", [command for command in COMMANDS if re.search(r"nox -s \S+ -- ", command)])
def test_documented_arguments_of_a_session_select_tests(command: str) -> None:
    words = shlex.split(command)
    session, arguments = words[2], words[4:]
    if "my_model" in arguments:
        pytest.skip("selects the tests of a model that the reader writes")
    folders = {"micro": ["tests/micro"], "tests": []}[session]
    # They save figures, or need saved ones.
    arguments = [argument for argument in arguments if not argument.startswith("--benchmark-")]
    completed = run_python("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *folders, *arguments)
    assert completed.returncode == 0, completed.stdout


def test_documents_show_every_command() -> None:
    shown = " ".join(COMMANDS)
    assert [name for name in BENCH_COMMANDS if f"holabench {name}" not in shown] == []


def test_reading_page_has_the_title_and_file_of_every_chart() -> None:
    page = (ROOT / "docs" / "reading.md").read_text()
    charts = re.findall(r"^\*(.+)\* File: `(\w+)`\.$", page, re.MULTILINE)
    assert {topic: title for title, topic in charts} == QUESTIONS


def test_readme_picture_has_the_title_of_its_chart() -> None:
    pictures = re.findall(r"!\[(.+)\]\(results/reference/charts/(\w+)\.png\)", (ROOT / "README.md").read_text())
    assert [title for title, topic in pictures if title != QUESTIONS[topic]] == []
    assert pictures


def test_selftest_page_lists_every_check() -> None:
    page = (ROOT / "docs" / "selftest.md").read_text()
    assert [check.name for check in all_checks() if f"`{check.name}`" not in page] == []

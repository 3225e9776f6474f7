"""Every command that the documents show is run, as it stands there, with as little load as it takes."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.selftest.checks import checks
from tests.support.commands import run_python as python
from tests.support.processes import ROOT
from tests.support.servers import start_server as server

pytestmark = pytest.mark.slow

DOCUMENTS = ["README.md", "README.es.md", "CONTRIBUTING.md", "results/README.md", *sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")
)]  # fmt: skip
SHORT = ["--blocks", "1", "--seconds", "0.05", "--connections", "1", "--no-charts"]
GOOD = {"run": (0, 3), "compare": (0, 4), "doctor": (0, 1), "selftest": (0, 1)}
NEEDED = {"php": "php", "pypy3": "pypy3", "tutorial": "php"}


def commands() -> list[str]:
    """The lines of code blocks that begin with a program of ours, without their comments; each once.

    What stands after -- reaches the program, so a session with such words is shown as the command that it runs.
    """
    found = []
    for name in DOCUMENTS:
        for line in (ROOT / name).read_text().splitlines():
            code = re.match(r"\s{4,}((?:holabench|python -m|\.venv/bin/nox) .*)", line)
            if code:
                shown = code[1].partition("  #")[0].strip()
                found.append(shown.replace(".venv/bin/nox -s bench --", "holabench run"))
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small runs."""
    into = tmp_path_factory.mktemp("runs")
    words = ["--profile", "quick", "--models", "select", "--transports", "tcp", "--blocks", "2", "--seconds", "0.05"]
    words += ["--connections", "1", "--no-charts", "--into", str(into)]
    ended = [python("-m", "bench", "run", *words) for _ in range(2)]
    return [Path(one.stdout.strip()) for one in ended]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    plan = ROOT / "bench" / "profiles" / "quick.toml"
    (tmp_path / "my-plan.toml").write_text(plan.read_text())
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def prepared(command: str, runs: list[Path], place: Path, ports: dict[str, int]) -> list[str]:
    """The words of ``python -m ...`` for a command, with our folders and ports in it and less load."""
    words = shlex.split(command)
    words = ["-m", "bench", *words[1:]] if words[0] == "holabench" else words[1:]
    if "--minutes" in words:  # it would be taken at its word
        at = words.index("--minutes")
        words = words[:at] + words[at + 2 :]
    over = "udp" if "udp://" in command else "tcp"
    names = {"results/RUN": str(runs[0]), "results/OTHER": str(runs[1]), "8000": str(ports[over])}
    names |= {"examples/": f"{place}/examples/", "my-plan.toml": str(place / "my-plan.toml")}
    for old, new in (names | {"times.npy": str(place / "times.npy"), "FOLDER": str(place)}).items():
        words = [word.replace(old, new) for word in words]
    if words[:3] == ["-m", "bench", "run"] and not {"--resume", "--help"} & set(words):
        words += [*SHORT, "--into", str(place)]
        words += [] if "--profile" in words else ["--profile", "quick"]
        words += [] if "tutorial" in words else ["--transports", "tcp"]
        words += [] if "--models" in words or "tutorial" in words else ["--models", "asyncio"]
    if words[:3] == ["-m", "bench", "selftest"] and "--only" not in words:
        words += ["--only", "drop"]  # the whole of it has tests of its own
    if words[:3] == ["-m", "clients", "load"]:
        words += ["--seconds", "0.2"]
    return words


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with server("asyncio", "tcp", "hola") as tcp, server("asyncio", "udp", "echo") as udp:
        yield {"tcp": tcp["port"], "udp": udp["port"]}


@pytest.mark.parametrize("command", [one for one in commands() if not one.startswith("python -m servers")])
def test_a_command_of_the_documents_does_what_it_says(
    command: str, runs: list[Path], place: Path, ports: dict[str, int]
) -> None:
    for word, program in NEEDED.items():
        if word in command and shutil.which(program) is None:
            pytest.skip(f"no {program} on the path")
    if command.startswith(".venv/bin/nox") and " -- " not in command:
        session = shlex.split(command)[2]
        assert f"def {session}(" in (ROOT / "noxfile.py").read_text()
        return
    if "-s tests --" in command or "-s micro" in command or "my_model" in command:
        pytest.skip("of the tests themselves, or of a model that the reader writes")
    words = prepared(command, runs, place, ports)
    ended = python(*words, timeout_s=100)
    allowed = GOOD.get(words[2] if len(words) > 2 else "", (0,))
    if "--resume" in words:
        assert "nothing is missing" in ended.stderr
    else:
        # On a busy machine all of runs this small may be invalid, and then a rule has nothing to judge.
        assert ended.returncode in allowed or "so it judges nothing" in ended.stderr, ended.stderr


def test_the_documents_show_the_commands_that_there_are() -> None:
    shown = " ".join(commands())
    for name in ("run", "report", "models", "profiles", "plan", "selftest", "doctor", "compare", "history"):
        assert f"holabench {name}" in shown, f"no document shows holabench {name}"


def test_selftest_page_lists_every_check() -> None:
    page = (ROOT / "docs" / "selftest.md").read_text()
    assert [check.name for check in checks() if f"`{check.name}`" not in page] == []

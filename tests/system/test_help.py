"""Every help text has an example to copy: whole, on a line of its own, with options that the command has."""

import re

import pytest

from tests.support.commands import run_python
from tests.support.in_process import run_holabench

pytestmark = pytest.mark.slow
BENCH_COMMANDS = (
    "run",
    "presets",
    "models",
    "plan",
    "doctor",
    "selftest",
    "report",
    "compare",
    "history",
    "export",
    "agent",
    "fleet-keys",
    "new-model",
)
CLIENT_COMMANDS = ("talk", "load", "worker")
COMMANDS = [("bench",), *(("bench", name) for name in BENCH_COMMANDS)]
COMMANDS += [("clients",), *(("clients", name) for name in CLIENT_COMMANDS), ("servers",)]
PROGRAMS = {"bench": "holabench", "clients": "python -m clients", "servers": "python -m servers"}
RUN_OPTIONS = (
    "--models",
    "--transports",
    "--protocol",
    "--connections",
    "--message-bytes",
    "--blocks",
    "--seconds",
    "--seed",
    "--minutes",
    "--target-precision",
    "--max-minutes",
    "--server",
    "--target",
    "--python",
    "--models-from",
    "--output-dir",
    "--json",
    "--no-charts",
    "--resume",
    "--dry-run",
    "--reference",
    "--rate",
)
BORDER = " │*"  # of the boxes around options and commands; a star marks an option that is required


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def read_help(capsys: pytest.CaptureFixture[str], package: str, *command: str) -> str:
    """Return the help text of a command."""
    if package == "bench":
        completed = run_holabench(capsys, *command, "--help")
        assert completed.code == 0, completed.stderr
        return completed.stdout
    process = run_python("-m", package, *command, "--help")
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_example_with_known_options(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = read_help(capsys, *words)
    assert re.search(r"^ *Examples?(?: of use)?:", text, re.MULTILINE)
    command = " ".join([PROGRAMS[words[0]], *words[1:]])
    examples = re.findall(rf"^ *(?:Example: )?(?:echo .* \| )?({command}(?: .*)?)$", text, re.MULTILINE)
    assert examples, text
    assert not re.search(r"Examples(?: of use)?:.*\S", text), "the first of several examples is beside the heading"
    if len(words) == 2 or words[0] == "servers":
        for option in re.findall(r"--[a-z-]+", " ".join(examples)):
            assert re.search(rf"^[{BORDER}]+{option}\b", text, re.MULTILINE), f"{command} has no option {option}"


@pytest.mark.parametrize("package", ["bench", "clients"])
def test_help_lists_every_command(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = read_help(capsys, package)
    listed = re.findall(rf"^[{BORDER}] ([\w-]+)  ", re.split(r"Commands:?", text)[-1], re.MULTILINE)
    assert {(package, name) for name in listed} == {
        words for words in COMMANDS if words[0] == package and len(words) == 2
    }


def test_help_of_run_states_options_exit_codes_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    text = read_help(capsys, "bench", "run")
    assert [option for option in RUN_OPTIONS if option not in text] == []
    assert "Exit codes: 0 success" in text
    for group in ("What to measure", "How long", "Which servers", "Output"):
        assert group in text

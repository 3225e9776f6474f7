import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from clients import cli_errors
from clients.cli_errors import Stop
from tests.support.processes import ROOT, run_program

app = typer.Typer()


@app.command()
def count(
    up_to: Annotated[int, typer.Argument(max=100)] = 100,
    number: Annotated[int, typer.Option(min=1)] = 1,
    step: Annotated[float, typer.Option(min=0.001)] = 1.0,
) -> int:
    assert step >= 0.001
    if up_to == 0:
        raise Stop("'a\nb' is not a number; ask for \x1b[2J another")
    if number == 13:
        raise Stop("13 is not counted here; ask for another")
    if number == 14:
        raise Stop("the disk is full", 1)
    if number == 15:
        raise KeyboardInterrupt
    return 0


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["--number", "x"], 2, ["--number", "x", "--help"]),
        (["--number=0"], 2, ["--number", "0", "--help"]),
        (["--nummer", "1"], 2, ["--nummer", "--help"]),
        (["--number", "13"], 2, ["13 is not counted here"]),
        (["--number", "14"], 1, ["the disk is full"]),
        (["--step", "0"], 2, ["--step", "0.001", "(given: --step 0)"]),
        (["--step", "2", "--step", "0"], 2, ["--step", "(given: --step 2 --step 0)"]),
        (["700"], 2, ["(given: 700)"]),
        (["--step", "2", "--", "-7x"], 2, ["(given: --step 2 -- -7x)"]),
        (["--step", "a\nb"], 2, ["--step", "a\\nb"]),
        (["--a\nb", "1"], 2, ["--a", "--help"]),
        (["0"], 2, ["'a\\nb' is not a number", "\\x1b[2J"]),
    ],
)
def test_command_error_is_one_line_with_option_and_value(
    words: list[str], code: int, parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_errors.run(app, "counting", words) == code
    line = capsys.readouterr().err
    assert line.startswith("counting: ")
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert all(part in line for part in parts), line


commands = typer.Typer(no_args_is_help=True)
commands.command()(count)
commands.command("other")(count)


def test_subcommand_error_shows_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_errors.run(commands, "counting", ["count", "700"]) == 2
    assert "(given: count 700)" in capsys.readouterr().err


@pytest.mark.parametrize("markup", [None, "rich"])
def test_empty_command_line_prints_the_help_only(
    markup: Literal["rich"] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    helped = typer.Typer(no_args_is_help=True, rich_markup_mode=markup)
    helped.command(help="Count.")(count)
    helped.command("other", help="Do not count.")(count)
    assert cli_errors.run(helped, "counting", ["--help"]) == 0
    asked = capsys.readouterr()
    assert cli_errors.run(helped, "counting", []) == 2
    unasked = capsys.readouterr()
    assert unasked.out.strip() == asked.out.strip() != ""
    assert unasked.err == ""


@pytest.mark.parametrize("command", [["models"], ["plan", "quick"], ["--help"], ["run", "quick", "--dry-run"]])
def test_full_standard_output_is_one_line(command: list[str]) -> None:
    completed = run_program(["sh", "-c", 'exec "$@" > /dev/full', "sh", sys.executable, "-m", "bench", *command])
    assert completed.returncode == 1
    assert completed.stderr == "holabench: cannot print the result: No space left on device; send it elsewhere\n"


@pytest.mark.parametrize("redirection", ["> /dev/full", "2> /dev/full", ">&-", "2>&-", "| head -c 1 > /dev/null"])
@pytest.mark.parametrize("command", [["models"], ["run", "quick", "--models", "none"]])
def test_missing_output_causes_no_traceback(command: list[str], redirection: str) -> None:
    shell = ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", sys.executable, "-m", "bench", *command]
    completed = run_program(shell)
    assert "Traceback" not in completed.stderr
    if command[0] == "run":
        assert completed.returncode == 2
    elif redirection.startswith(("2>", ">&-")):
        assert completed.returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_cannot_be_encoded_are_escaped(encoding: str) -> None:
    variables = {"PYTHONIOENCODING": encoding, "LC_ALL": "C", "TERM": "dumb", "NO_COLOR": "1"}
    code = "import sys; from clients import output; output.escape_what_cannot_be_encoded(); print('5 \u03a9')"
    completed = run_program([sys.executable, "-c", code], environment=variables)
    assert completed.stdout == ("5 \u03a9\n" if encoding == "utf-8" else "5 \\u03a9\n"), completed.stderr


def test_removed_working_folder_is_one_line(tmp_path: Path) -> None:
    for module in ("bench", "clients"):
        gone = tmp_path / "gone"
        gone.mkdir()
        shell = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone), sys.executable, "-m", module, "--help"]
        completed = run_program(shell, environment={"PYTHONPATH": str(ROOT)})
        assert completed.returncode == 2
        assert completed.stderr.endswith("the working directory was removed; change to another one (cd)\n")
        assert completed.stderr.count("\n") == 1


def test_exit_codes_of_success_and_ctrl_c() -> None:
    assert cli_errors.run(app, "counting", ["--number", "2"]) == 0
    assert cli_errors.run(app, "counting", ["--number", "15"]) == 130

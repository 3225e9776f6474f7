from typing import Annotated, Literal

import pytest
import typer

from clients import cli_errors
from clients.cli_errors import Stop

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


def test_exit_codes_of_success_and_ctrl_c() -> None:
    assert cli_errors.run(app, "counting", ["--number", "2"]) == 0
    assert cli_errors.run(app, "counting", ["--number", "15"]) == 130

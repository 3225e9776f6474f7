import sys
from typing import Annotated, Literal
from unittest.mock import Mock

import pytest
import typer

from bench.__main__ import main
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
        raise Stop("'a\nb' is no number; ask for \x1b[2J another")
    if number == 13:
        raise Stop("13 is not counted here; ask for another")
    if number == 14:
        raise Stop("the disk is full", 1)
    if number == 15:
        raise KeyboardInterrupt
    return 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--number", "x"], 2, ["--number", "x", "--help"]),
        (["--number=0"], 2, ["--number", "0", "--help"]),
        (["--nummer", "1"], 2, ["--nummer", "--help"]),
        (["--number", "13"], 2, ["13 is not counted here"]),
        (["--number", "14"], 1, ["the disk is full"]),
        (["--step", "0"], 2, ["--step", "0.001", "(given: 0)"]),
        (["--step", "2", "--step", "0"], 2, ["--step", "(given: 0)"]),
        (["700"], 2, ["(given: 700)"]),
        (["--step", "2", "--", "-7x"], 2, ["(given: -7x)"]),
        (["--step", "a\nb"], 2, ["--step", "a\\nb"]),
        (["--a\nb", "1"], 2, ["--a", "--help"]),
        (["0"], 2, ["'a\\nb' is no number", "\\x1b[2J"]),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(
    words: list[str], code: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_errors.run(app, "counting", words) == code
    line = capsys.readouterr().err
    assert line.startswith("counting: ")
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert all(part in line for part in said), line


commands = typer.Typer(no_args_is_help=True)
commands.command()(count)
commands.command("other")(count)


def test_the_value_of_a_command_of_several_is_named_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_errors.run(commands, "counting", ["count", "700"]) == 2
    assert "(given: 700)" in capsys.readouterr().err


@pytest.mark.parametrize("markup", [None, "rich"])
def test_without_words_there_is_the_help_and_nothing_else(
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


def test_success_and_ctrl_c_have_their_usual_codes() -> None:
    assert cli_errors.run(app, "counting", ["--number", "2"]) == 0
    assert cli_errors.run(app, "counting", ["--number", "15"]) == 130


def test_ctrl_c_while_the_command_line_is_imported_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "bench.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Mock(find_spec=Mock(side_effect=KeyboardInterrupt))])
    assert main() == 130
    assert capsys.readouterr() == ("", "")

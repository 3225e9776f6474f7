import sys
from typing import Annotated
from unittest.mock import Mock

import pytest
import typer

from bench.__main__ import main
from clients import console
from clients.console import Stop

app = typer.Typer()


@app.command()
def count(number: Annotated[int, typer.Option(min=1)] = 1) -> int:
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
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(
    words: list[str], code: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.run(app, "counting", words) == code
    line = capsys.readouterr().err
    assert line.startswith("counting: ")
    assert line.count("\n") == 1
    assert all(part in line for part in said), line


def test_success_and_ctrl_c_have_their_usual_codes() -> None:
    assert console.run(app, "counting", ["--number", "2"]) == 0
    assert console.run(app, "counting", ["--number", "15"]) == 130


def test_ctrl_c_while_the_command_line_is_imported_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "bench.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Mock(find_spec=Mock(side_effect=KeyboardInterrupt))])
    assert main() == 130
    assert capsys.readouterr() == ("", "")

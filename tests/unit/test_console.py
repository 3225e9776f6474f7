from typing import Annotated

import pytest
import typer

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

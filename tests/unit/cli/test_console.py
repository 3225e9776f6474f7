import sys
from pathlib import Path

import pytest
from rich.table import Table

from bench.cli.console import print_line, print_path, stdout_console


def test_console_does_not_cut_tables_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None)
    for name in ("server", "load", "ratio"):
        table.add_column(name)
    cells = ("x" * 60, "y" * 60, "z" * 60)
    table.add_row(*cells)
    stdout_console().print(table)
    assert capsys.readouterr().out.splitlines()[-1].split() == list(cells)


@pytest.mark.parametrize(("is_terminal", "shown"), [(True, "runs/\\x1b[31m\n"), (False, "runs/\x1b[31m\n")])
def test_path_is_exact_for_a_program_and_visible_on_a_terminal(
    is_terminal: bool, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    print_path(Path("runs/\x1b[31m"))
    assert capsys.readouterr().out == shown


def test_console_prints_escape_sequences_and_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(stdout_console(), "[/] \x1b[31m[bold red]x")
    assert capsys.readouterr().out == "[/] \ufffd[31m[bold red]x\n"

import pytest
from rich.table import Table

from bench.cli.console import output


def test_a_table_is_not_cut_where_it_goes_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None)
    for name in ("arm", "load", "ratio"):
        table.add_column(name)
    cells = ("x" * 60, "y" * 60, "z" * 60)
    table.add_row(*cells)
    output().print(table)
    assert capsys.readouterr().out.splitlines()[-1].split() == list(cells)

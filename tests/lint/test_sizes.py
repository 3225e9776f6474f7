"""No file and no function of the project is too long, and the check finds those that are."""

import pytest

from tests.lint.sizes import find_long_parts, main


def test_files_and_functions_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out


def test_long_file_is_found() -> None:
    assert list(find_long_parts("x = 1\n" * 400)) == []
    assert list(find_long_parts("x = 1\n" * 401)) == ["1: the file has 401 lines; the maximum is 400"]


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_long_function_is_found_also_inside_a_class(keyword: str) -> None:
    source = f"class A:\n    @property\n    {keyword} f(self):\n"
    assert list(find_long_parts(source + "        x = 1\n" * 79)) == []
    assert list(find_long_parts(source + "        x = 1\n" * 80)) == ["3: f has 81 lines; the maximum is 80"]

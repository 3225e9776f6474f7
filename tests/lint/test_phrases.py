"""The check of phrases finds what it should, and only that."""

from pathlib import Path

import pytest

from tests.lint.phrases import compile_phrases, find_docstring_faults, find_long_test_names, find_phrases, main

PHRASES = compile_phrases({"told|tells?": "report", "for ever": "forever", "SPOILED": "DISTURBED"})


def find(text: str) -> list[str]:
    return [f"{finding.line} {finding.text}" for finding in find_phrases(Path("file.py"), text, PHRASES)]


def test_phrases_are_found_in_prose_and_identifiers() -> None:
    assert find("It tells\nwhat was told_ns, Told.") == ["1 tells", "2 told", "2 Told"]


def test_phrases_are_found_across_lines() -> None:
    assert find("runs for\never") == ["1 for ever"]
    assert find("    # runs for\n    # ever") == ["1 for ever"]


@pytest.mark.parametrize("text", ["intelligent", "untold", "foretells", "forever", "spoiled", "for everything"])
def test_parts_of_words_and_other_cases_are_not_phrases(text: str) -> None:
    assert find(text) == []


def test_docstrings_start_with_a_verb_or_noun() -> None:
    source = 'def f():\n    """What it does."""\n\n\ndef g():\n    """Return it."""\n'
    assert [finding.line for finding in find_docstring_faults(Path("a.py"), source, max_length=80)] == [2]


def test_docstrings_have_a_short_first_line() -> None:
    source = f'"""Return {"x" * 80}."""\n'
    assert len(list(find_docstring_faults(Path("a.py"), source, max_length=80))) == 1


def test_test_names_are_at_most_70_characters() -> None:
    source = f"def test_{'x' * 65}(): ...\ndef test_{'x' * 66}(): ...\n"
    assert [finding.line for finding in find_long_test_names(Path("test_a.py"), source)] == [2]


def test_command_prints_findings_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.md"
    file.write_text("Nothing is wrong here.\n")
    assert main([str(file)]) == 0
    file.write_text("It runs for ever.\n")
    assert main([str(file)]) == 1
    assert capsys.readouterr().out == f"{file}:1: for ever -> forever, infinite, never answered\n"

"""Every help text has an example that one can copy: whole, on a line of its own, of words that the command knows."""

import re

import pytest

from tests.support.commands import run_python as python

OF_BENCH = ("run", "report", "models", "profiles", "plan", "doctor", "selftest", "compare", "history")
OF_CLIENTS = ("talk", "load", "worker")
COMMANDS = [("bench",), *(("bench", name) for name in OF_BENCH)]
COMMANDS += [("clients",), *(("clients", name) for name in OF_CLIENTS), ("servers",)]
PROGRAMS = {"bench": "holabench", "clients": "python -m clients", "servers": "python -m servers"}


def help_of(*words: str) -> str:
    ended = python("-m", *words, "--help", COLUMNS="80", TERM="dumb")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_text_has_an_example_on_a_line_of_its_own(words: tuple[str, ...]) -> None:
    text = help_of(*words)
    assert re.search(r"^ *Examples?(?: of use)?:", text, re.MULTILINE)
    command = " ".join([PROGRAMS[words[0]], *words[1:]])
    found = re.findall(rf"^ *(?:Example: )?(?:echo .* \| )?({command}(?: .*)?)$", text, re.MULTILINE)
    assert found, text
    assert not re.search(r"Examples of use:.*\S", text), "the first of several stands beside the heading"
    if len(words) == 2 or words[0] == "servers":
        for option in re.findall(r"--[a-z-]+", " ".join(found)):
            assert re.search(rf"^ +{option}\b", text, re.MULTILINE), f"{option} is no option of it"


@pytest.mark.parametrize("program", ["bench", "clients"])
def test_no_command_is_left_out_of_these(program: str) -> None:
    listed = help_of(program).partition("Commands:")[2]
    assert {(program, name) for name in re.findall(r"^  (\w+)", listed, re.MULTILINE)} == {
        words for words in COMMANDS if words[0] == program and len(words) == 2
    }

import pytest

from bench.cli import options


@pytest.mark.parametrize("name", ["Server", "Target", "Resume", "ModelsFrom"])
def test_help_of_option_without_value_states_that_default(name: str) -> None:
    (option,) = getattr(options, name).__metadata__
    assert option.help.endswith(" Default: none.")

from inspect import signature

import pytest

from bench.cli import options
from bench.cli.option_values import option_name
from bench.cli.plan import plan
from bench.cli.run import run
from clients.cli_errors import Stop


@pytest.mark.parametrize("name", ["Server", "Target", "Resume", "ModelsFrom"])
def test_help_of_option_without_value_states_that_default(name: str) -> None:
    (option,) = getattr(options, name).__metadata__
    assert option.help.endswith(" Default: none.")


def test_run_takes_every_option_of_plan_in_the_same_order() -> None:
    of_plan = [pair for pair in signature(plan).parameters.items() if pair[0] != "lang"]  # the last one of both
    assert [*signature(run).parameters.items()][: len(of_plan)] == of_plan


@pytest.mark.parametrize("name", sorted({*signature(plan).parameters} - {"context", "models_from", "lang"}))
def test_run_that_resumes_refuses_every_option_of_the_plan(name: str) -> None:
    with pytest.raises(Stop, match=f"^--resume .*; remove {option_name(name)}$"):
        options.refuse_contradictions({"resume", name})

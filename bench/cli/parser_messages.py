"""The messages of Typer's parser, for the catalogue: ``translate_line`` finds them there. Nothing else uses them."""

from bench.translation import N_

MESSAGES = (
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("No such option: {option}"),
    N_("No such option: {option} Did you mean {others}?"),
    N_("No such option: {option} (Possible options: {others})"),
    N_("No such command {command}"),
    N_("No such command {command}. Did you mean {others}?"),
    N_("Missing argument {name}"),
    N_("Missing option {name}"),
    N_("Missing command"),
    N_("Got unexpected extra argument ({arguments})"),
    N_("Got unexpected extra arguments ({arguments})"),
    N_("Got unexpected extra argument(s) ({arguments})"),
    N_("Option {option} requires an argument"),
    N_("Option {option} does not take a value"),
    N_("Invalid value for {name}: {problem}"),
    N_("Invalid value for {name}: {problem} (given: {arguments}); see {program} --help"),
    N_("{value} is not a valid integer."),
    N_("{value} is not a valid float."),
    N_("{value} is not in the range {range}."),
    N_("{value} is not one of {others}."),
    N_("{value} is not a valid integer"),
    N_("{value} is not a valid float"),
    N_("{value} is not in the range {range}"),
    N_("{value} is not one of {others}"),
)

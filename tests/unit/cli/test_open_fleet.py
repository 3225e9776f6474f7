"""The options that name the hosts of a run."""

from pathlib import Path

import pytest

from bench.cli.open_fleet import FleetOptions
from clients.cli_errors import Stop


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (FleetOptions(Path("fleet.toml"), "lab1"), "leave out --servers-on"),
        (FleetOptions(servers_on="lab1"), "--servers-on needs --generators-on"),
        (FleetOptions(generators_on=("lab2",)), "--generators-on needs --servers-on"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options: FleetOptions, reason: str) -> None:
    with pytest.raises(Stop, match=reason):
        options.check()


def test_hosts_are_given_by_a_file_or_by_both_sides() -> None:
    for options in (FleetOptions(Path("fleet.toml")), FleetOptions(None, "lab1", ("lab2", "lab3"))):
        options.check()
        assert options.is_given
    assert not FleetOptions().is_given

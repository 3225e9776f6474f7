"""The options that name the hosts of a run."""

from pathlib import Path

import pytest

from bench.cli.open_fleet import FleetOptions, refuse_unreachable
from bench.fleet.errors import FleetInputError
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


def test_host_that_others_cannot_reach_is_refused() -> None:
    with pytest.raises(FleetInputError, match=r"cannot reach lab2 at 127\.0\.1\.1; .* --listen ADDRESS"):
        refuse_unreachable({"lab1": "10.0.0.1", "lab2": "127.0.1.1"})


@pytest.mark.parametrize("addresses", [("127.0.0.1", "127.0.1.1"), ("10.0.0.1", "fd00::1"), ("::1", "127.0.0.1")])
def test_hosts_that_reach_each_other_are_accepted(addresses: tuple[str, str]) -> None:
    refuse_unreachable(dict(zip(("lab1", "lab2"), addresses, strict=True)))

import pytest

from bench.fleet.host_error import HostError
from bench.fleet.ssh_fleet import name_hosts
from bench.fleet.ssh_hosts import HostAddress, parse_host


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("lab1", "", "lab1", 0),
        ("ana@lab1.example.org:2222", "ana", "lab1.example.org", 2222),
        ("ana@[::1]:22", "ana", "::1", 22),
        ("10.0.0.7", "", "10.0.0.7", 0),
    ],
)
def test_host_is_parsed(text: str, user: str, host: str, port: int) -> None:
    assert parse_host(text) == HostAddress(text, host, user, port)


@pytest.mark.parametrize("text", ["", "a b", "ana@", "lab1:", "::1", "lab1:99999", "-oProxyCommand=x", "a@b@c"])
def test_wrong_host_is_one_line(text: str) -> None:
    with pytest.raises(HostError) as error:
        parse_host(text)
    assert "\n" not in str(error.value)


def test_hosts_get_short_names_where_these_differ() -> None:
    assert list(name_hosts(["ana@lab1", "lab2:2222", "ana@lab1"])) == ["lab1", "lab2"]
    assert list(name_hosts(["ana@lab1", "eva@lab1"])) == ["ana@lab1", "eva@lab1"]

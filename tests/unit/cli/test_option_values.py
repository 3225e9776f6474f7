import pytest

from bench.cli.option_values import (
    RateOption,
    parse_ints,
    parse_names,
    parse_percent,
    parse_rate,
    parse_server,
    parse_target,
)
from clients.cli_errors import Stop


def test_names_and_ints_are_split_at_commas() -> None:
    assert parse_names("--models", "select, asyncio,") == ["select", "asyncio"]
    assert parse_ints("--connections", "1,16") == [1, 16]


@pytest.mark.parametrize(("text", "share"), [("3%", 0.03), ("0.5%", 0.005), ("50%", 0.5)])
def test_percent_is_a_share(text: str, share: float) -> None:
    assert parse_percent("--target-precision", text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("common", RateOption(named="common")),
        ("highest", RateOption(named="highest")),
        ("20000/s", RateOption(rate_rps=20_000)),
        ("1e4/s", RateOption(rate_rps=10_000)),
        ("50%", RateOption(capacity_share=0.5)),
        ("100%", RateOption(capacity_share=1.0)),
    ],
)
def test_rate_is_named_absolute_or_a_share(text: str, rate: RateOption) -> None:
    assert parse_rate("--rate", text) == rate


@pytest.mark.parametrize(
    ("text", "transports"),
    [("x=run {port}", ["tcp"]), ("x/udp=run {port}", ["udp"]), ("x/tcp+udp=run {port}", ["tcp", "udp"])],
)
def test_server_has_name_command_and_transports(text: str, transports: list[str]) -> None:
    assert parse_server("--server", text) == {"name": "x", "command": ["run", "{port}"], "transports": transports}


def test_target_has_address_and_transport() -> None:
    assert parse_target("--target", "udp://[::1]:80") == {
        "name": "target",
        "target": "[::1]:80",
        "transports": ["udp"],
    }


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (parse_names, ",", "no name found"),
        (parse_ints, "1,x", "e.g. `1,16,64`"),
        (parse_percent, "3", "write 3%"),
        (parse_percent, "0.5", "write 0.5% or 50%"),
        (parse_percent, "0.03", "write 0.03% or 3%"),
        (parse_percent, "soon", "e.g. `3%`"),
        (parse_percent, "300%", "at most 50%"),
        (parse_percent, "0%", "above 0%"),
        (parse_percent, "nan%", "not a percentage"),
        (parse_rate, "20000", "the unit is missing"),
        (parse_rate, "0.5", "the unit is missing"),
        (parse_rate, "2e7/s", "must be at most 10000000/s"),
        (parse_rate, "150%", "at most 100%"),
        (parse_rate, "-5/s", "must be `common`"),
        (parse_rate, "fast", "must be `common`"),
        (parse_server, "php", "NAME=COMMAND"),
        (parse_server, "php=php server.php", "must contain {port}"),
        (parse_server, 'php=php "server.php {port}', "No closing quotation"),
        (parse_server, "php=udp:php server.php {port}", "write php/udp=php server.php {port}"),
        (parse_server, "x=PORT={port} ./server", "write `env PORT={port} PROGRAM`"),
        (parse_server, "x=~/server {port}", "write the whole path"),
        (parse_server, "x=cd /srv && ./server {port}", "'cd' is a command of the shell"),
        (parse_server, "x=./server {prot}", "did you mean 'port'?"),
        (parse_target, "tcp://::1:80", "tcp://[ADDRESS]:PORT"),
        (parse_server, "php/sctp=php {port}", "/tcp, /udp or /tcp+udp"),
        (parse_target, "localhost:80", "tcp://HOST:PORT"),
        (parse_target, "tcp://127.0.0.1:99999", "from 1 to 65535"),
        (parse_target, "http://127.0.0.1:80", "tcp://HOST:PORT"),
    ],
)
def test_wrong_value_is_refused_with_option_value_and_remedy(parse: object, text: str, expected: str) -> None:
    assert callable(parse)
    with pytest.raises(Stop) as refusal:
        parse("--option", text)
    assert str(refusal.value).startswith("--option ")
    assert text in str(refusal.value)
    assert expected in str(refusal.value)
    assert refusal.value.code == 2

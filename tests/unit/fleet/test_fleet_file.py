"""The fleet file: keys, defaults, and errors in one line."""

from pathlib import Path

import pytest

from bench.fleet.errors import FleetInputError
from bench.fleet.fleet_file import read_fleet_file

COMPLETE = """\
listen = "10.0.0.1:8786"
tls_dir = "keys/controller"
servers_on = "lab1"
generators_on = ["lab2", "lab3"]
server_address = "10.1.0.2"
wait_s = 20
"""
LOOPBACK = 'listen = "127.0.0.1"\nservers_on = "a"\ngenerators_on = ["a"]\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    return path


def test_complete_file_is_read(tmp_path: Path) -> None:
    fleet = read_fleet_file(write(tmp_path, COMPLETE))
    assert (fleet.listen, fleet.server_address, fleet.wait_s) == ("10.0.0.1:8786", "10.1.0.2", 20.0)
    assert fleet.agent_names == ("lab1", "lab2", "lab3")
    assert fleet.tls_dir == str(tmp_path / "keys" / "controller")


def test_loopback_needs_no_keys(tmp_path: Path) -> None:
    fleet = read_fleet_file(write(tmp_path, LOOPBACK))
    assert (fleet.tls_dir, fleet.server_address, fleet.wait_s) == ("", "", 60.0)
    assert fleet.agent_names == ("a",)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("listen", "listne"), "unknown key `listne`; did you mean `listen`? The keys are: listen, servers_on"),
        (('servers_on = "lab1"\n', ""), "the key `servers_on` is missing"),
        (("wait_s = 20", "wait_s = 0"), "wait_s = 0 must be above 0"),
        (("wait_s = 20", "wait_s = 1e6"), "wait_s = 1000000.0 must be at most 86400"),
        (("wait_s = 20", 'wait_s = "20"'), "wait_s = '20' must be a number"),
        (('"lab1"', '"lab 1"'), "servers_on = 'lab 1' is not a valid name of a host; use letters"),
        (('"lab2"', '"../lab2"'), "generators_on = ['../lab2', 'lab3'] is not a valid name of a host"),
        (('["lab2", "lab3"]', '"lab2"'), "generators_on = 'lab2' must be a list"),
        (('["lab2", "lab3"]', "[]"), "generators_on = [] must not be empty"),
        (('"lab3"', '"lab2"'), "generators_on: 'lab2' is listed twice"),
        (('"lab3"', '"lab1"'), "generators_on: 'lab1' has the servers"),
        (("10.0.0.1:8786", "10.0.0.1:port"), "listen = '10.0.0.1:port': "),
        (('tls_dir = "keys/controller"\n', ""), "the key `tls_dir` is missing: without TLS, every host that reaches"),
        (('"lab1"', "lab1"), None),
    ],
)
def test_error_is_one_line_with_the_key(tmp_path: Path, change: tuple[str, str], expected: str | None) -> None:
    path = write(tmp_path, COMPLETE.replace(*change))
    with pytest.raises(FleetInputError) as failure:
        read_fleet_file(path)
    prefix = f"fleet file {path}: {expected}" if expected else f"fleet file {path} is not valid TOML: "
    assert str(failure.value).startswith(prefix)
    assert "\n" not in str(failure.value)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FleetInputError, match=r"fleet file .*none.toml: No such file or directory$"):
        read_fleet_file(tmp_path / "none.toml")

"""The fleet file (``fleet.toml``): where the scheduler listens, and which hosts have which role.

For example::

    listen = "10.0.0.1:8786"
    tls_dir = "keys/controller"
    servers_on = "lab1"
    generators_on = ["lab2", "lab3"]
    server_address = "10.1.0.2"
"""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bench.fleet.addresses import is_loopback, split_address
from bench.fleet.errors import FleetInputError
from bench.plan.suggestions import did_you_mean

HostName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
_TYPES = {"int": "an integer", "float": "a number", "str": "a text in quotes", "array": "a list", "object": "a table"}


class FleetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a fleet file.

    listen: address of the scheduler on the controller's host, as agents reach it. tls_dir: the controller's keys, from
    the folder of the file on; required unless ``listen`` is loopback. servers_on, generators_on: names of agents.
    server_address: the address at which generators reach the servers, where it differs from that of their agent.
    wait_s: how long the controller waits for the agents.
    """

    listen: str
    servers_on: HostName
    generators_on: Annotated[tuple[HostName, ...], msgspec.Meta(min_length=1)]
    tls_dir: str = ""
    server_address: str = ""
    wait_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0

    @property
    def agent_names(self) -> tuple[str, ...]:
        """The names of all agents, each once."""
        return tuple(dict.fromkeys([self.servers_on, *self.generators_on]))


def read_fleet_file(path: Path) -> FleetFile:
    """Return the keys of a fleet file; ``tls_dir`` is an absolute path. Raises FleetInputError with file and key."""
    prefix = f"fleet file {path}: "
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise FleetInputError(f"fleet file {path} is not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FleetInputError(f"{prefix}{getattr(error, 'strerror', None) or error}") from error
    try:
        fleet = msgspec.convert(values, FleetFile)
        _check(fleet)
    except msgspec.ValidationError as error:
        raise FleetInputError(f"{prefix}{_explain(str(error), values)}") from error
    except FleetInputError as error:
        raise FleetInputError(f"{prefix}{error}") from error
    if not fleet.tls_dir:
        return fleet
    return msgspec.structs.replace(fleet, tls_dir=str(path.absolute().parent / Path(fleet.tls_dir).expanduser()))


def _check(fleet: FleetFile) -> None:
    """Raise FleetInputError for what is wrong with valid types."""
    try:
        host, _ = split_address(fleet.listen)
    except ValueError as error:
        raise FleetInputError(f"listen = {fleet.listen!r}: {error}") from error
    if not fleet.tls_dir and not is_loopback(host):
        raise FleetInputError(
            f"the key `tls_dir` is missing: without TLS, every host that reaches {host} could run code here; "
            "make keys with: holabench fleet-keys DIR"
        )
    twice = [name for name, count in Counter(fleet.generators_on).items() if count > 1]
    if twice:
        raise FleetInputError(f"generators_on: {twice[0]!r} is listed twice; a host has one load generator")
    if fleet.servers_on in fleet.generators_on and len(fleet.generators_on) > 1:
        raise FleetInputError(
            f"generators_on: {fleet.servers_on!r} has the servers, so its generator would have another way to them "
            "than the others; use other hosts"
        )


def _explain(message: str, values: dict[str, Any]) -> str:
    """Return the error for a message of msgspec, e.g. "Expected `int` - at `$.wait_s`"."""
    expected, _, path = message.partition(" - at ")
    if field := re.search(r"field `(.*)`\Z", expected, re.DOTALL):
        name = " ".join(field[1].split())  # a key in quotes may contain anything
        if "unknown" not in expected:
            return f"the key `{name}` is missing"
        fields = FleetFile.__struct_fields__
        suggestion = did_you_mean(name, fields, "`")
        return f"unknown key `{name}`{suggestion or '.'} The keys are: {', '.join(fields)}"
    names = re.findall(r"\$\.(\w+)", path)
    if not names:
        return expected
    value = values.get(names[0])
    if "matching regex" in expected:
        rule = "is not a valid name of a host; use letters, digits, '.', '_' and '-'"
    elif "length" in expected:
        rule = "must not be empty"
    elif limit := re.match(r"Expected `float` (<=|>) (\S+)", expected):
        number = f"{float(limit[2]):g}"
        rule = f"must be at most {number}" if limit[1] == "<=" else f"must be above {number}"
    else:
        kind = re.match(r"Expected `(\w+)", expected)
        rule = f"must be {_TYPES[kind[1]]}" if kind and kind[1] in _TYPES else f"is not allowed: {expected}"
    return f"{names[0]} = {value!r} {rule}"

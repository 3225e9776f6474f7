"""Parse the values of options. Every error is one line that names the option and its value: Stop."""

import shlex
from dataclasses import dataclass
from typing import Any, Literal

from bench.plan.external_command import find_missing_port, find_shell_syntax
from bench.plan.external_server import is_address
from bench.plan.value_types import MAX_RATE_RPS
from clients.cli_errors import Stop

MAX_PRECISION = 0.5  # half-width of an interval, as a share
_SERVER_EXAMPLE = '"php=php server.php {port}"'


def parse_names(option: str, text: str) -> list[str]:
    """Split ``a,b`` into names. Raises Stop if there is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Stop(f"{option} {text!r}: no name found; separate names with commas, e.g. `select,asyncio`")
    return names


def parse_ints(option: str, text: str) -> list[int]:
    """Split ``1,16`` into whole numbers. Raises Stop."""
    try:
        return [int(word) for word in parse_names(option, text)]
    except ValueError as error:
        raise Stop(f"{option} {text!r}: not a list of whole numbers, e.g. `1,16,64`") from error


def parse_percent(option: str, text: str) -> float:
    """Return ``3%`` as a share. Raises Stop, also without the percent sign: ``0.5`` may mean 0.5% or 50%."""
    number = _parse_number(text.removesuffix("%"))
    if number is None:
        raise Stop(f"{option} {text!r}: not a percentage, e.g. `3%`")
    if not text.endswith("%"):
        either = f"{text}% or {100 * number:g}%" if 0 < number <= MAX_PRECISION else f"{text}%"
        raise Stop(f"{option} {text}: the percent sign is missing; write {either}")
    share = number / 100
    if not 0 < share <= MAX_PRECISION:
        raise Stop(f"{option} {text}: must be above 0% and at most {MAX_PRECISION:.0%}")
    return share


@dataclass(frozen=True, slots=True)
class RateOption:
    """The value of --rate: exactly one of these is set."""

    named: Literal["common", "highest"] | None = None
    rate_rps: float | None = None
    capacity_share: float | None = None

    @property
    def question(self) -> str:
        """The question that a load at this rate answers, for the report."""
        if self.named == "highest":
            return "What is the highest rate at which 99% of the requests are answered in time?"
        if self.rate_rps is not None:
            rate = f"{self.rate_rps:,.10g} requests per second"
        elif self.capacity_share is not None:
            rate = f"{100 * self.capacity_share:g}% of each server's capacity"
        else:
            rate = "a rate that every server can sustain"
        return f"What does a request cost, and how long does it take, at {rate}?"


def parse_rate(option: str, text: str) -> RateOption:
    """Return ``common``, ``highest``, ``20000/s`` or ``50%`` as a rate. Raises Stop."""
    if text == "common":
        return RateOption(named="common")
    if text == "highest":
        return RateOption(named="highest")
    for unit, scale in (("/s", 1.0), ("%", 0.01)):
        number = _parse_number(text.removesuffix(unit)) if text.endswith(unit) else None
        if number is None or number <= 0:
            continue
        if unit == "/s":
            if number > MAX_RATE_RPS:
                raise Stop(f"{option} {text}: must be at most {MAX_RATE_RPS:.0f}/s, the limit of the generator")
            return RateOption(rate_rps=number)
        if number > 100:
            raise Stop(f"{option} {text}: a share of the server's own capacity must be at most 100%")
        return RateOption(capacity_share=number * scale)
    if _parse_number(text) is not None:
        raise Stop(
            f"{option} {text}: the unit is missing; write e.g. `20000/s` for requests per second, "
            "or `50%` for a share of each server's capacity"
        )
    raise Stop(f"{option} {text!r}: must be `common`, `highest`, requests per second (`20000/s`) or a share (`50%`)")


def parse_server(option: str, text: str) -> dict[str, Any]:
    """Return ``NAME[/udp|/tcp+udp]=COMMAND`` as an external server of a plan. Raises Stop."""
    arm, equals, command = text.partition("=")
    name, slash, transports = arm.strip().partition("/")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Stop(f"{option} {text!r}: {error}") from error
    if not equals or not name or not words:
        raise Stop(f"{option} {text!r}: must be NAME=COMMAND, e.g. {_SERVER_EXAMPLE}")
    if words[0].startswith(("tcp:", "udp:")):
        prefix, _, rest = command.strip().partition(":")
        raise Stop(f"{option} {text!r}: the transport belongs after the name; write {name}/{prefix}={rest}")
    if slash and transports not in ("tcp", "udp", "tcp+udp", "udp+tcp"):
        raise Stop(f"{option} {text!r}: the transport after the name must be /tcp, /udp or /tcp+udp")
    if mistake := find_shell_syntax(words) or find_missing_port(words):
        raise Stop(f"{option} {text!r}: {mistake}")
    return {"name": name, "command": words, "transports": transports.split("+") if slash else ["tcp"]}


def parse_target(option: str, text: str) -> dict[str, Any]:
    """Return ``tcp://HOST:PORT`` as the external server ``target`` of a plan. Raises Stop."""
    transport, separator, address = text.partition("://")
    if not separator or transport not in ("tcp", "udp") or not is_address(address):
        raise Stop(
            f"{option} {text!r}: must be tcp://HOST:PORT or udp://HOST:PORT, with a port from 1 to 65535, "
            "for IPv6 tcp://[ADDRESS]:PORT"
        )
    return {"name": "target", "target": address, "transports": [transport]}


def option_name(parameter: str) -> str:
    """Return the option of a parameter: ``--max-minutes`` for max_minutes."""
    special = {"as_json": "--json", "plan_source": "the preset or plan file"}
    return special.get(parameter, f"--{parameter.replace('_', '-')}")


def _parse_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None  # neither nan nor inf

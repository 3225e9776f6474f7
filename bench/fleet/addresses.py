"""Addresses of a scheduler: ``tls://HOST:PORT``, and ``tcp://HOST:PORT`` on loopback."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.fleet.errors import FleetInputError
from clients.addresses import AddressError, resolve


@dataclass(frozen=True, slots=True)
class SchedulerUrl:
    """The address of a scheduler. port: 0 for one that the kernel chooses."""

    scheme: str
    host: str
    port: int

    @property
    def uses_tls(self) -> bool:
        """True where the connection is encrypted, and both sides have to prove who they are."""
        return self.scheme == "tls"

    def __str__(self) -> str:
        """Return e.g. ``tls://10.0.0.1:8786``."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def parse_scheduler_url(text: str, option: str) -> SchedulerUrl:
    """Return the address of a scheduler. option: for errors. Raises FleetInputError."""
    example = "write tls://HOST:PORT"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise FleetInputError(f"{option} {text!r}: {error}; {example}") from error
    if parts.scheme not in ("tls", "tcp") or not parts.hostname or not port or parts.path or parts.username:
        raise FleetInputError(f"{option} {text!r} is not the address of a scheduler; {example}")
    if parts.scheme == "tcp" and not is_loopback(parts.hostname):
        raise FleetInputError(
            f"{option} {text!r}: without TLS, every host of the network could run code here; use tls:// and --tls-dir"
        )
    return SchedulerUrl(parts.scheme, parts.hostname, port)


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST`` or ``HOST:PORT``; the port is 0 without one. Raises ValueError."""
    if text.count(":") > 1 and not text.startswith("["):
        return text, 0
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.path or parts.username:
        raise ValueError("write HOST:PORT")
    return parts.hostname, parts.port or 0


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine alone."""
    try:
        return all(ipaddress.ip_address(address).is_loopback for address in resolve(host))
    except AddressError:
        return False

"""Somebody else's server, as a plan has it."""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from bench.plan.allowed import Duration, Positive, Protocol, Transport
from servers.registry import Description

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class ExternalServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody else's server: a command, started without a shell; or one that is up already."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", max_length=60)]
    # {port}, {transport}, {protocol} and {host} in it are replaced, {python} by our interpreter, {examples} by the
    # folder of our examples.
    command: tuple[str, ...] = ()
    target: str = ""  # instead of a command: HOST:PORT of a server that is up. Nothing but its answers is seen of it
    transports: Annotated[tuple[Transport, ...], msgspec.Meta(min_length=1)] = ("tcp",)
    protocols: Annotated[tuple[Protocol, ...], msgspec.Meta(min_length=1)] = get_args(Protocol)  # that it speaks
    folder: str = ""  # that it runs in; our own if empty
    environment: dict[str, str] = {}  # beside our own
    cpus: Positive = 1  # that it can use
    clients: Annotated[int, msgspec.Meta(ge=0)] = 0  # TCP clients at a time, by its nature; 0: no such limit
    ready: Literal["line", "exchange"] = "exchange"  # what tells that it is up: its first line, or that it answers
    start_s: Duration = 10.0  # in which it has to be up

    def words(self, **values: object) -> list[str]:
        """The command, with its values. Other braces stay what they are."""
        found = []
        for word in self.command:
            for name, value in (values | {"python": sys.executable, "examples": EXAMPLES}).items():
                word = word.replace(f"{{{name}}}", str(value))  # noqa: PLW2901
            found.append(word)
        return found

    @property
    def trouble(self) -> str:
        """Why its command cannot be started as it stands there, or nothing."""
        if self.folder and not Path(self.folder).is_dir():
            return f"folder {self.folder!r} is not there"
        for name, value in self.environment.items():
            if not name or "=" in name or "\0" in name + value:
                return f"environment {name!r} is no name of a variable, or has no value that one can have"
        return "a NUL in its command" if any("\0" in word for word in self.command) else ""

    def described(self) -> Description:
        """As one of our own models is."""
        values: dict[str, Any] = {f"serve_{transport}": None for transport in self.transports}
        values |= {"PARALLEL": self.cpus > 1, "MAX_TCP_CLIENTS": self.clients or None}
        found = Description(self.name, values, " ".join(self.command) or self.target)
        found.protocols = self.protocols
        program = self.words()[0] if self.command else ""
        if program and shutil.which(program, path=self.environment.get("PATH")) is None:
            found.needs, found.missing, found.install_hint = program, True, f"get {program} onto the path"
        return found

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the target. Raises ValueError."""
        host, _, port = self.target.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)

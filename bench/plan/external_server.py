"""External servers of a plan: servers that are not one of the models."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bench.plan.key_docs import key
from bench.plan.value_types import MAX_NAME_LENGTH, DurationS, Positive, Protocol, Transport

# Replaced in commands, folders and environment variables, each by its value.
PLACEHOLDERS = ("port", "host", "transport", "protocol", "python", "examples")


class ExternalServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A server that holabench starts with a command, or a running one.

    The command is not run by a shell.
    """

    name: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", max_length=MAX_NAME_LENGTH),
        key("Name of the server in tables and files.", example="echo.php"),
    ]
    command: Annotated[
        tuple[str, ...],
        key(
            "Program and arguments, which are started without a shell. `{port}`, `{host}`, `{transport}` "
            "and `{protocol}` are replaced by their values, `{python}` by the interpreter of holabench, `{examples}` "
            "by its folder `examples/`; also in `folder` and in the values of `environment`. `{port}` is required.",
            example=["php", "echo.php", "{port}"],
            default="none",
        ),
    ] = ()
    target: Annotated[
        str,
        key(
            "Address of a running server, instead of a command: HOST:PORT, with an IPv6 address in "
            "brackets. Of several addresses of a name, the first one on which a server listens is loaded. Its CPU time "
            "and memory are not measured.",
            example="127.0.0.1:7000",
            default="none",
        ),
    ] = ""
    transports: Annotated[
        tuple[Transport, ...], Meta(min_length=1), key("Transports that the server serves.", example=["tcp", "udp"])
    ] = ("tcp",)
    protocols: Annotated[
        Annotated[tuple[Protocol, ...], Meta(min_length=1)] | None,
        key(
            "Protocols that the server speaks. Scenarios of other protocols are skipped for it. `work` has to be "
            "listed: a server that only echoes would answer it correctly, without waiting or computing.",
            example=["hola"],
            default="`echo` or `hola`, found by a conversation before the first block",
        ),
    ] = None
    folder: Annotated[
        str,
        key(
            "Working directory of the server. A relative path of its program starts here.",
            example="/srv/echo",
            default="the current directory",
        ),
    ] = ""
    environment: Annotated[
        dict[str, str],
        key(
            "Environment variables of the server, in addition to those of holabench.",
            example={"NODE_ENV": "production"},
            default="none",
        ),
    ] = {}
    cpus: Annotated[Positive, key("Number of CPUs that the server can use.", example=2)] = 1
    clients: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        key(
            "Number of TCP clients that the server can serve at the same time; 0 means no limit. More are "
            "skipped for it.",
            example=1,
            default="1 or no limit, found by a conversation before the first block",
        ),
    ] = None
    ready: Annotated[
        Literal["line", "exchange"],
        key("Sign that the server is up: its first line on stdout (flushed), or an answered request.", example="line"),
    ] = "exchange"
    start_s: Annotated[DurationS, key("Time in which the server has to be up.", example=30.0, unit="s")] = 10.0

    def with_values(self, values: Mapping[str, object]) -> "ExternalServer":
        """Return the server with ``{name}`` replaced by each value in its command, folder and environment variables.

        Other braces are not touched.
        """
        return msgspec.structs.replace(
            self,
            command=tuple(_with_values(argument, values) for argument in self.command),
            folder=_with_values(self.folder, values),
            environment={name: _with_values(value, values) for name, value in self.environment.items()},
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the running server. Raises ValueError."""
        host, _, port = self.target.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)


def _with_values(text: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def is_address(text: str) -> bool:
    """Return whether a text is HOST:PORT with a port from 1 to 65535, and an address of IPv6 in brackets."""
    host, colon, port = text.rpartition(":")
    in_brackets = host.startswith("[") and host.endswith("]")
    is_port = port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65_535
    return bool(colon) and is_port and (in_brackets or not set(":[]") & set(host))

"""The command lines of child processes. Pure.

Each runs a module of this project by the path of ``servers/launch.py``, so that no file in the working folder can
replace a module that the child imports.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

_LAUNCHER = str(Path(__file__).resolve().parents[2] / "servers" / "launch.py")


def module_command(module: str, *arguments: str, python: str = "") -> list[str]:
    """Return the command line of a module with its own command line.

    python: path of the interpreter; "" means the one that runs holabench.
    """
    return [python or sys.executable, _LAUNCHER, module, *arguments]


def server_command(
    model: str,
    transport: str,
    protocol: str,
    workers: int,
    python: str = "",
    backlog: int | None = None,
    address: str = "",
) -> list[str]:
    """Return the command line of a model's server, on a port that the kernel chooses.

    backlog: None for the usual. address: that it listens on; "" for loopback.
    """
    options = ["--transport", transport, "--protocol", protocol, "--workers", str(workers)]
    if address:
        options += ["--host", address]
    if backlog is not None:
        options += ["--backlog", str(backlog)]
    return module_command("servers", model, *options, python=python)


def external_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of an external server.

    A wrapper makes it end together with holabench.
    """
    return module_command("servers.run_command", *arguments)


def generator_command(cpus: Sequence[int]) -> list[str]:
    """Return the command line of the generator. cpus: of its threads."""
    return module_command("clients", "worker", "--cpus", _comma_list(cpus))


def keep_awake_command(cpus: Sequence[int]) -> list[str]:
    """Return the command line of the loop that keeps CPUs from halting."""
    return module_command("bench.machine.idle_loop", "--cpus", _comma_list(cpus))


def _comma_list(cpus: Sequence[int]) -> str:
    return ",".join(map(str, cpus))

"""Agents as processes, and fleets that wait for them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bench.fleet.tls_files import TlsFiles
from tests.support.commands import make_python_command, run_python
from tests.support.processes import ROOT, have_exited
from tests.support.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    import subprocess

    from bench.fleet.controller import Fleet, Role, RoleSpecification

ECHO_ROLE = "tests.support.echo_role"
ALLOW_ROOT = ["--allow-root"] if os.geteuid() == 0 else []


def agent_arguments(address: str, name: str, *options: str) -> list[str]:
    """Return the arguments of Python for an agent. name: "" for that of this host."""
    names = ["--name", name] if name else []
    return ["-m", "bench", "agent", "--scheduler", address, *names, *ALLOW_ROOT, *options]


@contextmanager
def start_agents(
    address: str, names: Sequence[str], *options: str, environment: dict[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Start an agent for each name, and kill those that run at the end."""
    import subprocess

    agents = {
        name: subprocess.Popen(
            make_python_command(*agent_arguments(address, name, *options)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            bufsize=0,
            env={**os.environ, **(environment or {})},
        )
        for name in names
    }
    try:
        yield agents
    finally:
        for agent in agents.values():
            agent.kill()
            agent.communicate()


@contextmanager
def start_fleet(
    *names: str,
    tls: TlsFiles | None = None,
    agent_options: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    **options: Any,
) -> Iterator[tuple["Fleet", dict[str, "subprocess.Popen[bytes]"]]]:
    """Start a controller in this process, and agents that are connected."""
    from bench.fleet.controller import Fleet

    with ExitStack() as stack:
        with Fleet(tls=tls, **options) as fleet:
            agents = stack.enter_context(start_agents(fleet.address, names, *agent_options, environment=environment))
            fleet.await_agents(names, DEADLINE_S)
            yield fleet, agents
        for agent in agents.values():  # they end by themselves
            agent.wait(DEADLINE_S)


def echo_role(host: str, role: str = "echo", **specification: Any) -> "RoleSpecification":
    """Return the specification of a role process that does what its commands ask for."""
    from bench.fleet.controller import RoleSpecification

    return RoleSpecification(host, role, ECHO_ROLE, specification, DEADLINE_S)


def start_echo(fleet: "Fleet", host: str, role: str = "echo") -> "Role":
    """Start the role process of tests on a host."""
    return fleet.start_roles([echo_role(host, role)])[0]


def wait_until_gone(*pids: int) -> None:
    """Wait until none of the processes runs."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    wait_until(lambda: have_exited(processes), f"processes {pids} end")


def run_agent(address: str, name: str, *options: str) -> str:
    """Run an agent that cannot start; return the one line that it prints."""
    result = run_python(*agent_arguments(address, name, *options))
    assert result.returncode == 2, (result.returncode, result.stderr)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("warning: this agent runs as root")]
    assert len(lines) == 1, result.stderr
    return lines[0].removeprefix("holabench: ")


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that need not exist."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

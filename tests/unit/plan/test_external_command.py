import shlex
from typing import Any

import msgspec
import pytest

from bench.plan.external_command import find_missing_port, find_mistake, find_shell_syntax
from bench.plan.external_server import ExternalServer


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("PORT={port} ./server", "'PORT={port}' sets a variable, and holabench starts the program without a shell"),
        ("A=1 B={port} ./server", "write `env A=1 PROGRAM`, or use `environment`"),
        ("PORT=$(free) ./server", "write its value, or use `environment`"),
        ("cd /srv && ./server {port}", "'cd' is a command of the shell"),
        ("cd /srv; ./server {port}", "use `folder` in a plan"),
        ("source env.sh && ./server {port}", "'source' is a command of the shell"),
        ("./build && ./server {port}", "'&&' is syntax of a shell"),
        ("./build; ./server {port}", "'./build;' is syntax of a shell"),
        ("./server {port} | tee log", "'|' is syntax of a shell"),
        ("./server {port} || true", "'||' is syntax of a shell"),
        ("./server {port} > log", "'>' is syntax of a shell"),
        ("./server {port} >log", "'>log' is syntax of a shell"),
        ("./server {port} 2>&1", "'2>&1' is syntax of a shell"),
        ("./server {port} 2>/dev/null", "'2>/dev/null' is syntax of a shell"),
        ("./server {port} < input", "'<' is syntax of a shell"),
        ("./server {port} &", "'&' is syntax of a shell"),
        ("~/bin/server {port}", "'~/bin/server' begins with ~, which a shell would replace"),
        ("python3 ~/server.py {port}", "write the whole path"),
        ("./server $OPTIONS {port}", "'$OPTIONS' contains a variable of the shell"),
        ("./server --home=${HOME} {port}", "'--home=${HOME}' contains a variable of the shell"),
        ("./server $(nproc) {port}", "'$(nproc)' contains a variable of the shell"),
        ("./server `nproc` {port}", "'`nproc`' contains a variable of the shell"),
        ("./server ${port}", "'${port}' is not a placeholder; write {port} without $"),
        ("./server $port {port}", "write {port} without $"),
    ],
)
def test_shell_syntax_is_explained(command: str, problem: str) -> None:
    found = find_shell_syntax(shlex.split(command))
    assert problem in found
    assert "\n" not in found


@pytest.mark.parametrize(
    "command",
    [
        "php server.php {port}",
        "sh -c 'cd /srv && exec ./server $OPTIONS {port} 2>log'",
        "/bin/bash -e -c 'exec ./server $1' x {port}",
        "env PORT={port} ./server",
        "node -e 'require(`net`).createServer(s => s.pipe(s)).listen({port})'",
        "python3 -c 'import os; print(1 > 0)' {port}",
        "perl -e 'print $x;' {port}",
        "./server --url=http://h/?a=1&b={port} --filter a|b --version>=3 -> {port}",
        './server {"port":{port}}',
        "./server --price=5$ {port}",
        "",
    ],
)
def test_plain_command_is_accepted(command: str) -> None:
    assert find_shell_syntax(shlex.split(command)) == ""


def make_server(**values: Any) -> ExternalServer:
    return msgspec.convert({"name": "x", **values}, ExternalServer)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"command": ["run", "{port}"]}, ""),
        ({"command": ["run", "--listen={host}:{port}"]}, ""),
        ({"command": ["run"], "environment": {"PORT": "{port}"}}, ""),
        ({"command": ["run"]}, "the command must contain {port}"),
        ({"command": ["run", "8000"], "environment": {"PORT": "8000"}}, "the command must contain {port}"),
        ({"command": ["run", "{prot}"]}, "{prot} is not a placeholder; did you mean 'port'?"),
        ({"command": ["run", "{PORT}"]}, "{PORT} is not a placeholder; did you mean 'port'?"),
        ({"command": ["run"], "environment": {"P": "{ports}"}}, "{ports} is not a placeholder"),
    ],
)
def test_command_is_given_its_port(values: dict[str, Any], problem: str) -> None:
    found = find_mistake(make_server(**values))
    assert problem in found
    assert bool(found) == bool(problem)


def test_missing_port_names_the_alternative() -> None:
    assert find_missing_port(["run"]).endswith("Use a target for a server that is already running on a port of its own")

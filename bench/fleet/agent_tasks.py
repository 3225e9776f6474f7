"""Tasks that a controller gives to an agent.

Each function is called in an agent, by its name: both have the same code.
"""

import functools
import os
import platform
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.fleet.code_version import code_version
from bench.fleet.errors import RoleError
from bench.fleet.role_process import RoleProcess

_roles: dict[str, RoleProcess] = {}
_lock = threading.Lock()
_end_reasons: list[str] = []  # why the agent ends; then it starts nothing more


def describe_agent() -> dict[str, Any]:
    """Return the pid of this agent, its host, its CPUs, and the version of its code."""
    return {
        "pid": os.getpid(),
        "user": os.geteuid(),
        "hostname": platform.node(),
        "cpus": sorted(os.sched_getaffinity(0)),
        "version": code_version(),
    }


def read_process_time_s() -> float:
    """Return the CPU time that this agent has taken, without its role processes."""
    return time.process_time()


def start_role(role: str, module: str, specification: Mapping[str, Any], deadline_s: float) -> dict[str, Any]:
    """Start a role process, and return its pid and what it reports when it is ready. Raises RoleError."""
    with _lock:
        if _end_reasons or role in _roles:
            raise RoleError(role, 0, "runs already" if role in _roles else _end_reasons[0])
        process = _roles[role] = RoleProcess(role, module)
    try:
        return {"pid": process.pid, "ready": process.prepare(specification, deadline_s)}
    except RoleError:
        abort_role(role)
        raise


def command_role(role: str, command: Mapping[str, Any], deadline_s: float) -> dict[str, Any]:
    """Return the answer of a role process to a command, and report its events meanwhile. Raises RoleError."""
    from bench.fleet import engine  # it takes half a second to import, and an agent has it anyway

    process = _roles.get(role)
    if process is None:
        raise RoleError(role, 0, "does not run")
    return process.command(command, deadline_s, functools.partial(engine.send_event, role))


def abort_role(role: str) -> None:
    """End a role process, if it runs, and all that it has started."""
    with _lock:
        process = _roles.pop(role, None)
    if process is not None:
        process.abort("was stopped")


def abort_all(reason: str) -> None:
    """End all role processes, and start none from now on. reason: what commands in progress report."""
    with _lock:
        _end_reasons.append(reason)
        processes = list(_roles.values())
        _roles.clear()
    if processes:
        with ThreadPoolExecutor(len(processes)) as threads:
            list(threads.map(lambda process: process.abort(reason), processes))

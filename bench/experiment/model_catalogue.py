"""The models and external servers that exist on this machine."""

import sys
from pathlib import Path
from typing import Any

from bench.experiment.external_program import find_missing_program, find_problem
from bench.plan.definition import Plan, PlanError
from bench.plan.external_command import find_shell_syntax
from bench.plan.external_server import ExternalServer
from servers import registry
from servers.registry import REPLYING_PROTOCOLS, Description

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def known_models(plan: Plan | None = None, *, may_refuse: bool = True) -> dict[str, Description]:
    """Return the server models and the plan's external servers, by name.

    No model is imported. A model whose file is broken is included, with the reason. Raises PlanError if the program of
    an external server cannot be started.

    may_refuse: whether it may raise. Once something is measured, such a server fails when it is started.
    """
    models = {name: registry.describe(name) for name in registry.names()}
    external_servers = plan.external_servers if plan is not None else ()
    return models | {server.name: describe_external(server, may_refuse=may_refuse) for server in external_servers}


def describe_external(server: ExternalServer, *, may_refuse: bool = True) -> Description:
    """Return the description of an external server in the form of a model's.

    Raises PlanError. may_refuse: as for ``known_models``.
    """
    problem = find_shell_syntax(server.command) or find_problem(filled(server))
    if problem and may_refuse:
        raise PlanError(f"external server {server.name!r}: {problem}")
    values: dict[str, Any] = {f"serve_{transport}": None for transport in server.transports}
    values |= {"PARALLEL": server.cpus > 1, "MAX_TCP_CLIENTS": server.clients or None}
    description = Description(server.name, values, " ".join(server.command) or server.target)
    # Not work, unless the plan states it: a server that only echoes sends the right bytes without waiting or computing.
    description.protocols = server.protocols or REPLYING_PROTOCOLS
    program = find_missing_program(filled(server)) if server.command else ""
    if program:
        description.needs, description.missing = program, True
        description.install_hint = f"add {program} to the path"
    return description


def filled(server: ExternalServer, **values: object) -> ExternalServer:
    """Return an external server with all its values. Those that only a start has are left out before."""
    return server.with_values({**values, "python": sys.executable, "examples": EXAMPLES})

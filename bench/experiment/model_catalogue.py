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


def known_models(plan: Plan | None = None) -> dict[str, Description]:
    """Return the server models and the plan's external servers, by name.

    No model is imported. A model whose file is broken is included, with the reason. Raises PlanError if an external
    server has no folder.
    """
    models = {name: registry.describe(name) for name in registry.names()}
    external_servers = plan.external_servers if plan is not None else ()
    return models | {server.name: describe_external(server) for server in external_servers}


def describe_external(server: ExternalServer) -> Description:
    """Return the description of an external server in the form of a model's.

    Raises PlanError.
    """
    problem = find_shell_syntax(server.command) or find_problem(filled(server))
    if problem:
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

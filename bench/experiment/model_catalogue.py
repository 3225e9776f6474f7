"""The models and external servers that exist on this machine."""

import shutil
import sys
from pathlib import Path
from typing import Any

from bench.plan.definition import Plan, PlanError
from bench.plan.external_server import ExternalServer
from servers import registry
from servers.registry import PROTOCOLS, Description

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
    if server.folder and not Path(server.folder).is_dir():
        raise PlanError(f"external server {server.name!r}: folder = {server.folder!r} does not exist")
    values: dict[str, Any] = {f"serve_{transport}": None for transport in server.transports}
    values |= {"PARALLEL": server.cpus > 1, "MAX_TCP_CLIENTS": server.clients or None}
    description = Description(server.name, values, " ".join(server.command) or server.target)
    description.protocols = server.protocols or PROTOCOLS
    program = external_arguments(server)[0] if server.command else ""
    if program and shutil.which(program, path=server.environment.get("PATH")) is None:
        description.needs, description.missing = program, True
        description.install_hint = f"add {program} to the path"
    return description


def external_arguments(server: ExternalServer, **values: object) -> list[str]:
    """Return the command of an external server with all its values."""
    return server.command_line({**values, "python": sys.executable, "examples": EXAMPLES})

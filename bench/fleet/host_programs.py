"""Programs that a run needs on the host of its servers beside holabench: models, interpreters, other programs.

Models are sent with the run. Interpreters and programs of external servers are those of the host.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.experiment.plan_programs import find_interpreters, missing_programs
from bench.fleet.errors import FleetInputError
from bench.plan.definition import Plan, PlanError
from servers.registry import add_folder

_MOST_BYTES = 4_000_000  # of the user's models; a folder with more is another one than was meant


@dataclass(frozen=True, slots=True)
class HostPrograms:
    """models: texts of the user's models, by file name. pythons, servers: names of those that must be on the host."""

    models: Mapping[str, str] = field(default_factory=dict)
    pythons: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Return the programs that ``to_plain`` has described."""
        return cls(dict(values["models"]), tuple(values["pythons"]), tuple(values["servers"]))

    def to_plain(self) -> dict[str, Any]:
        """Return values for JSON."""
        return asdict(self)

    def add_models(self, folder: Path) -> None:
        """Make the models available here. folder: receives a folder for them, named by their digest."""
        if not self.models:
            return
        digest = hashlib.sha256(repr(sorted(self.models.items())).encode()).hexdigest()
        path = folder / digest[:16]
        path.mkdir(parents=True, exist_ok=True)
        for name, text in self.models.items():
            (path / Path(name).name).write_text(text, encoding="utf-8")
        add_folder(str(path))

    def find(self, plan: Plan, host: str, warn: Callable[[str], None]) -> Plan:
        """Return the plan with the paths of the interpreters of this host. Raises PlanError if something is missing."""
        for server, program in missing_programs(plan, self.servers):
            raise PlanError(
                f"external server {server.name!r}: the program {program!r} was not found on {host}, the host of the "
                "servers; install it there"
            )
        try:
            return find_interpreters(plan, lambda text: warn(f"{host}: {text}"), self.pythons)
        except PlanError as error:
            raise PlanError(f"{error} (on {host}, the host of the servers)", key=error.key) from error


NO_PROGRAMS = HostPrograms()


def read_models(folder: Path) -> dict[str, str]:
    """Return the texts of all models in a folder, by file name. Raises FleetInputError."""
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        try:
            texts[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FleetInputError(f"--models-from {folder}: {path.name} cannot be sent: {reason}") from error
    if sum(map(len, texts.values())) > _MOST_BYTES:
        raise FleetInputError(
            f"--models-from {folder}: its Python files have more than {_MOST_BYTES // 1_000_000} MB; name a folder "
            "with models only"
        )
    return texts

"""The result of an export, and the facts about a run that formats have fields for. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Export:
    """The files of one format, and notes for the user."""

    files: Mapping[str, str]  # text by file name; a single file is called ""
    values: int  # how many numbers were exported
    notes: tuple[str, ...] = ()  # what the format cannot show, and what it leaves out, one line each


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts about a run. Empty texts, None and 0 are unknown."""

    holabench_version: str = ""
    started_at: datetime | None = None
    cpu_model: str = ""
    cpus: int = 0
    kernel: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, Any], started_at: datetime | None) -> "RunFacts":
        """Return the facts in the environment of a run, which may lack any of them."""
        program, machine = _mapping(environment.get("holabench")), _mapping(environment.get("machine"))
        cpus = machine.get("cpus")
        return cls(
            holabench_version=str(program.get("version") or ""),
            started_at=started_at,
            cpu_model=str(machine.get("cpu_model") or ""),
            cpus=cpus if isinstance(cpus, int) else 0,
            kernel=str(machine.get("kernel") or ""),
        )


def to_json(document: object) -> str:
    """Return a document as indented JSON. Raises ValueError for nan and infinity, which JSON does not have."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def rounded(value: float) -> float:
    """Return a number with nine significant digits, as the CSV files have it."""
    return float(f"{value:.9g}")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

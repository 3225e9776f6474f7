"""Findings before the first block of a run over several machines, as rows for the report. Pure."""

from collections.abc import Mapping
from typing import Any

from bench.translation import gettext, translate_line


def preflight_rows(environment: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return name, value, meaning and advice of each finding; the problems first. The advice is empty without one."""
    found = environment.get("preflight")
    if not isinstance(found, list):
        return []
    known = [each for each in found if isinstance(each, Mapping)]
    return [_row(each) for each in sorted(known, key=lambda each: each.get("state") != "bad")]


def _row(finding: Mapping[str, Any]) -> tuple[str, str, str, str]:
    is_problem = finding.get("state") == "bad"
    name, value, why, remedy = (translate_line(str(finding.get(key, ""))) for key in ("name", "value", "why", "remedy"))
    return (gettext("{name} (problem)", name=name) if is_problem else name, value, why, remedy)

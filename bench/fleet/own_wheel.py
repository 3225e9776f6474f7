"""A wheel of this very holabench, packed from the files that are running.

It needs neither a build backend nor a network, and works in a checkout as well as where a wheel was installed. The same
files give the same bytes, so the digest of the wheel is that of the code.
"""

import base64
import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.fleet.host_error import HostError

_ROOT = Path(__file__).resolve().parents[2]
_NAME = "holabench"
_PACKAGES = ("bench", "clients", "servers")
_WHEEL = f"Wheel-Version: 1.0\nGenerator: {_NAME}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_OLDEST_DATE = (1980, 1, 1, 0, 0, 0)  # of a ZIP file: the time of a copy does not belong to the code
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")


@dataclass(frozen=True, slots=True)
class OwnWheel:
    """The wheel of this holabench."""

    name: str
    content: bytes
    requires: tuple[str, ...]  # Requires-Dist of its metadata

    def requirements(self, extras: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return what it needs with these extras, sorted, without the markers of the extras."""
        wanted = set()
        for line in self.requires:
            requirement, _, marker = line.partition(";")
            extra = _EXTRA.search(marker)
            if extra is None or extra[1] in extras:
                rest = re.sub(r"^\s*\(?(.*?)\)?\s*and\s*$", r"\1", _EXTRA.sub("", marker)).strip()
                wanted.add(f"{requirement.strip()}; {rest}" if rest else requirement.strip())
        return tuple(sorted(wanted))


def build_own_wheel(root: Path = _ROOT) -> OwnWheel:
    """Pack the packages below a folder into a wheel. Raises HostError."""
    version, description, entry_points = _describe(root)
    information = f"{_NAME}-{version}.dist-info"
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in _package_files(root)}
    files[f"{information}/METADATA"] = description.encode()
    files[f"{information}/WHEEL"] = _WHEEL.encode()
    files[f"{information}/entry_points.txt"] = entry_points.encode()
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={_record_digest(content)},{len(content)}" for name, content in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _OLDEST_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    requires = tuple(line.partition(": ")[2] for line in description.splitlines() if line.startswith("Requires-Dist: "))
    return OwnWheel(f"{_NAME}-{version}-py3-none-any.whl", packed.getvalue(), requires)


def _package_files(root: Path) -> Iterator[Path]:
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            hidden = any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(root).parts)
            if path.is_file() and not hidden:
                yield path


def _describe(root: Path) -> tuple[str, str, str]:
    """Return the version, the text of METADATA and that of entry_points.txt.

    pyproject.toml decides if there is one: an editable installation keeps the metadata of its first day.
    """
    project_file = root / "pyproject.toml"
    if project_file.is_file():
        project = tomllib.loads(project_file.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == _NAME:
            return _describe_project(project)
    try:
        installed = metadata.distribution(_NAME)
    except metadata.PackageNotFoundError as error:
        raise HostError(f"{root} has no pyproject.toml, and {_NAME} is not installed; install it with pip") from error
    return (
        installed.version,
        installed.read_text("METADATA") or f"Metadata-Version: 2.1\nName: {_NAME}\nVersion: {installed.version}\n",
        installed.read_text("entry_points.txt") or "",
    )


def _describe_project(project: dict[str, Any]) -> tuple[str, str, str]:
    lines = ["Metadata-Version: 2.1", f"Name: {_NAME}", f"Version: {project['version']}"]
    lines += [f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in project.get("dependencies", ())]
    for extra, requirements in project.get("optional-dependencies", {}).items():
        lines.append(f"Provides-Extra: {extra}")
        for requirement in requirements:
            name, _, marker = requirement.partition(";")
            condition = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
            lines.append(f"Requires-Dist: {name.strip()} ; {condition}")
    scripts = [f"{name} = {target}" for name, target in project.get("scripts", {}).items()]
    return str(project["version"]), "\n".join([*lines, ""]), "\n".join(["[console_scripts]", *scripts, ""])


def _record_digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

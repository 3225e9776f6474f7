"""The wheels of everything that holabench needs, for the Python and the platform of another host.

They are downloaded once and kept in the user's cache folder, so that a later run needs no network. The versions are
those that run here, wherever there are such wheels: both sides of a connection then exchange what both understand.
"""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from bench.fleet.host_error import HostError
from bench.machine.user_folders import cache_folder
from bench.translation import gettext

_INDEX_FILE = "wheels.json"  # written last; a wheelhouse without it is unfinished
_DOWNLOAD_S = 1800.0
_OLDEST_GLIBC_MINOR = 5  # manylinux1
_LEGACY_TAGS = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_NO_NETWORK = re.compile(
    r"NewConnectionError|name resolution|ConnectTimeout|Max retries|ProxyError|SSLError|Network is unreachable|"
    r"Connection refused|ReadTimeout|Connection reset"
)
_NO_WHEEL = re.compile(r"No matching distribution found for ([^\s(]+)")
# pip decides by its own interpreter which requirements apply (pip issue 11010). This program runs it with the markers
# of the other host. If a later pip keeps its markers elsewhere, it decides as before.
_PIP_FOR_TARGET = """
import contextlib, json, sys
target = json.loads(sys.argv.pop(1))
with contextlib.suppress(ImportError, AttributeError):
    from pip._vendor.packaging import markers
    environment = {**markers.default_environment(), **target}
    markers.default_environment = lambda: dict(environment)
from pip._internal.cli.main import main
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Target:
    """The Python and the platform of a host. Only CPython on Linux has wheels of all libraries."""

    python: tuple[int, int]
    machine: str  # x86_64, aarch64
    libc: str  # glibc or musl
    libc_version: tuple[int, int]

    def __str__(self) -> str:
        """Return e.g. ``Python 3.13 on x86_64 with glibc 2.36``."""
        return f"Python {_dotted(self.python)} on {self.machine} with {self.libc} {_dotted(self.libc_version)}"

    @property
    def label(self) -> str:
        """The name of its wheels' folder."""
        return f"cp{_dotted(self.python)}-{self.libc}{_dotted(self.libc_version)}-{self.machine}"

    @property
    def platforms(self) -> list[str]:
        """The platform tags that it accepts, the newest first."""
        minor = self.libc_version[1]
        if self.libc == "musl":
            return [f"musllinux_1_{number}_{self.machine}" for number in range(minor, -1, -1)]
        tags = []
        for number in range(minor, _OLDEST_GLIBC_MINOR - 1, -1):
            tags.append(f"manylinux_2_{number}_{self.machine}")
            if number in _LEGACY_TAGS:
                tags.append(f"{_LEGACY_TAGS[number]}_{self.machine}")
        return [*tags, f"linux_{self.machine}"]

    @property
    def markers(self) -> dict[str, str]:
        """The values that decide which requirements apply (PEP 508)."""
        version = _dotted(self.python)
        return {
            "python_version": version,
            "python_full_version": f"{version}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "sys_platform": "linux",
            "os_name": "posix",
        }


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """Wheels for one target."""

    folder: Path
    sizes: dict[str, int]  # bytes of each file
    digest: str  # of names and contents
    installed_bytes: int


def collect_wheels(
    target: Target, requirements: Sequence[str], report: Callable[[str], None], cache: Path | None = None
) -> Wheelhouse:
    """Return the wheels of requirements and of pip, from the cache or from the package index. Raises HostError.

    report: receives one line for each download. cache: by default the user's cache folder.
    """
    cache = cache or wheels_folder()
    pins = pin_installed(requirements)
    key = hashlib.sha256(json.dumps([sorted(requirements), pins]).encode()).hexdigest()[:16]
    folder = cache / f"{target.label}-{key}"
    if not (folder / _INDEX_FILE).is_file():
        _fill(folder, target, requirements, pins, report)
    return _open(folder)


def wheels_folder() -> Path:
    """Return the folder that keeps wheels of the user."""
    return cache_folder() / "holabench" / "wheels"


def pin_installed(requirements: Iterable[str]) -> list[str]:
    """Return ``name==version`` for all that is installed here of requirements and of what these need in turn."""
    versions: dict[str, str] = {}
    names = [_name_of(line) for line in requirements]
    while names:
        name = names.pop()
        if name in versions:
            continue
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed = metadata.distribution(name)
            versions[name] = installed.version
            # Requirements of extras, too: one that is not needed pins nothing.
            names += [_name_of(line) for line in installed.requires or ()]
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if "+" not in version]


def _fill(
    folder: Path, target: Target, requirements: Sequence[str], pins: Sequence[str], report: Callable[[str], None]
) -> None:
    """Download into a folder beside it, and rename that: of two processes that do so at once, one keeps its own."""
    report(gettext("downloading wheels for {target}", target=target.label))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    except OSError as error:
        raise HostError(f"cannot write wheels to {folder.parent}: {error.strerror}") from error
    try:
        _download(partial, target, requirements, pins, report)
        wheels = sorted(partial.glob("*.whl"))
        installed_bytes = sum(entry.file_size for wheel in wheels for entry in zipfile.ZipFile(wheel).infolist())
        index = {
            "wheels": {wheel.name: [wheel.stat().st_size, _digest_of(wheel)] for wheel in wheels},
            "installed_bytes": installed_bytes,
        }
        (partial / _INDEX_FILE).write_text(json.dumps(index, indent=1))
        with contextlib.suppress(OSError):  # another process was faster
            partial.rename(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise HostError(f"cannot keep wheels in {folder.parent}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(
    folder: Path, target: Target, requirements: Sequence[str], pins: Sequence[str], report: Callable[[str], None]
) -> None:
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join([*pins, ""]))
    output = _run_pip(folder, target, requirements, ["--constraint", str(constraints)])
    unavailable = _NO_WHEEL.search(output) or "ResolutionImpossible" in output
    if unavailable and not _NO_NETWORK.search(output) and pins:
        label = target.label
        report(gettext("no wheel of the version in use here for {target}; looking for other versions", target=label))
        output = _run_pip(folder, target, requirements, [])
    constraints.unlink()
    if output:
        raise HostError(_explain(output, target, folder.parent))


def _run_pip(folder: Path, target: Target, requirements: Sequence[str], options: Sequence[str]) -> str:
    """Run ``pip download``. Return "", or its output if it failed."""
    abi = f"cp{target.python[0]}{target.python[1]}"
    tags = [f"--platform={tag}" for tag in target.platforms] + [f"--abi={name}" for name in (abi, "abi3", "none")]
    command = [
        *_pip_command(json.dumps(target.markers)),
        *("download", "--quiet", "--no-input", "--disable-pip-version-check", "--retries=1"),
        *("--only-binary=:all:", f"--python-version={_dotted(target.python)}", "--implementation=cp", *tags),
        *(f"--dest={folder}", *options, "pip", *requirements),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_S, check=False)
    except subprocess.TimeoutExpired:
        return f"ERROR: pip did not finish within {_DOWNLOAD_S:g} s"
    return done.stderr or done.stdout or f"ERROR: pip exited with code {done.returncode}" if done.returncode else ""


def _pip_command(markers: str) -> list[str]:
    """Return the command of pip: the installed one, or the wheel that Python itself ships."""
    if util.find_spec("pip"):
        return [sys.executable, "-c", _PIP_FOR_TARGET, markers]
    ensurepip = util.find_spec("ensurepip")
    shipped = sorted(Path(ensurepip.origin).parent.glob("_bundled/pip-*.whl")) if ensurepip and ensurepip.origin else []
    if not shipped:
        raise HostError(f"{sys.executable} has no pip, which collects the wheels for other hosts; install pip")
    start = f"import sys; sys.path.insert(0, {str(shipped[-1])!r})\n{_PIP_FOR_TARGET}"
    return [sys.executable, "-c", start, markers]


def _explain(output: str, target: Target, cache: Path) -> str:
    """Return one line for the output of a pip that failed."""
    if _NO_NETWORK.search(output):
        return (
            f"the package index cannot be reached, and {cache} has no wheels for {target} yet; "
            "run once where it can be reached: later runs need no network"
        )
    if missing := _NO_WHEEL.search(output):
        return f"there is no wheel of {missing[1]} for {target}; use another Python on that host"
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    return f"pip cannot collect the wheels for {target}: {(errors or output.splitlines() or ['no output'])[-1]}"


def _open(folder: Path) -> Wheelhouse:
    try:
        index = json.loads((folder / _INDEX_FILE).read_text())
        sizes = {name: size for name, (size, _) in index["wheels"].items()}
        damaged = [name for name, size in sizes.items() if (folder / name).stat().st_size != size]
        digests = [f"{name} {digest}" for name, (_, digest) in sorted(index["wheels"].items())]
        installed_bytes = int(index["installed_bytes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostError(f"{folder} is damaged ({error}); remove this folder") from error
    if damaged:
        raise HostError(f"{folder / damaged[0]} is damaged; remove this folder")
    digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return Wheelhouse(folder, sizes, digest, installed_bytes)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name_of(requirement: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

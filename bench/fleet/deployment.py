"""Install holabench on a host over SSH, in a folder of its own, and start an agent there.

An installation has two parts, each in a folder named by the digest of its wheels: the libraries, and holabench itself.
So a change of the code sends one small wheel. What is there already is not sent again. The host needs Python only: the
wheel of pip that is sent runs without being installed.
"""

import asyncio
import contextlib
import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fleet import on_host
from bench.fleet.host_error import HostError
from bench.fleet.own_wheel import OwnWheel
from bench.fleet.ssh_hosts import RemoteProcess, SshHost
from bench.fleet.wheelhouse import Target, Wheelhouse
from bench.translation import N_, gettext

FLEET_FOLDER = "~/.cache/holabench/fleet"
MIN_PYTHON = (3, 11)
_KNOWN_MINORS = (14, 13, 12, 11)
_INSTALL_S = 1900.0  # longer than on_host waits for pip
_START_S = 60.0
_SPARE_BYTES = 50e6  # for what pip unpacks, and for compiled code
# Prints path, version and whether threads run in parallel, for each Python that works. The program sh reads it from its
# standard input, because a login shell may be any.
_FIND_PYTHON = """
for name in {names}; do
  path=$(command -v "$name") || continue
  "$path" -I -c 'import sys, sysconfig
print(sys.executable, "%d.%d.%d" % sys.version_info[:3], sysconfig.get_config_var("Py_GIL_DISABLED") or 0,
sys.implementation.name, sep="\\t")' 2>/dev/null
done
true
"""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """A host that can be reached."""

    name: str
    python: str  # path of its interpreter
    python_version: str
    target: Target
    folder: str
    cpus: int
    uid: int
    host_name: str
    boot_id: str
    address: str  # of the host, as this SSH connection reaches it; "" behind some proxies
    controller_address: str  # of the controller, as the host sees it


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two parts of an installation. pip: digest of the part that contains pip; "" for itself."""

    label: str
    digest: str
    wheels: tuple[Path, ...]
    sent_bytes: int
    installed_bytes: int
    pip: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """holabench on a host."""

    digest: str
    folders: tuple[str, ...]  # of its parts, holabench first
    sent_bytes: int


async def probe(host: SshHost) -> HostFacts:
    """Return the facts of a host. Raises HostError if it has no fitting Python."""
    python, version = await _find_python(host)
    facts = await _run_on_host(host, python, "probe", {"folder": FLEET_FOLDER})
    major, minor, _ = version.split(".")
    libc_version = facts["libc_version"]
    return HostFacts(
        name=host.name,
        python=python,
        python_version=facts["version"],
        target=Target((int(major), int(minor)), facts["machine"], facts["libc"], (libc_version[0], libc_version[1])),
        folder=facts["folder"],
        cpus=facts["cpus"],
        uid=facts["uid"],
        host_name=facts["host_name"],
        boot_id=facts["boot_id"],
        address=facts["address"],
        controller_address=facts["controller_address"],
    )


def library_part(wheelhouse: Wheelhouse) -> Part:
    """Return the part that contains the libraries and pip."""
    return Part(
        N_("libraries"),
        wheelhouse.digest,
        tuple(wheelhouse.folder / name for name in sorted(wheelhouse.sizes)),
        sum(wheelhouse.sizes.values()),
        wheelhouse.installed_bytes,
    )


def own_part(wheel: OwnWheel, libraries: Part, folder: Path) -> Part:
    """Return the part that contains holabench, for these libraries. folder: receives the wheel."""
    path = folder / wheel.name
    path.write_bytes(wheel.content)
    digest = hashlib.sha256(wheel.content + libraries.digest.encode()).hexdigest()
    size = len(wheel.content)
    return Part("holabench", digest, (path,), size, 10 * size, pip=libraries.digest)


async def deploy(host: SshHost, facts: HostFacts, parts: Sequence[Part], report: Callable[[str], None]) -> Installation:
    """Install the parts that a host lacks: libraries first, then holabench. Raises HostError.

    report: receives one line for each step.
    """
    digests = [part.digest for part in parts]
    state = await _run_on_host(host, facts.python, "check", {"folder": facts.folder, "digests": digests})
    missing = [part for part in parts if part.digest in state["missing"]]
    needed = sum(part.sent_bytes + part.installed_bytes for part in missing) + (_SPARE_BYTES if missing else 0)
    if needed > state["free_bytes"]:
        raise HostError(
            f"{host.name}: {facts.folder} needs {_megabytes(needed)} MB, and {_megabytes(state['free_bytes'])} MB are "
            "free; make room there"
        )
    if not missing:
        report(gettext("{host}: up to date, nothing sent", host=host.name))
    for part in missing:
        await _install(host, facts, part, report)
    folders = tuple(f"{facts.folder}/{part.digest}" for part in reversed(parts))
    return Installation(parts[-1].digest, folders, sum(part.sent_bytes for part in missing))


async def start_agent(
    host: SshHost, facts: HostFacts, installation: Installation, arguments: Sequence[str], files: Mapping[str, bytes]
) -> tuple[RemoteProcess, int]:
    """Start ``python -m ARGUMENTS`` on a host, bound to this connection. Returns the process and the agent's pid.

    files: contents by name, written with mode 0600 to a folder of this run; ``{folder}`` in an argument is its path.
    """
    begun = await _run_on_host(host, facts.python, "begin", {"folder": facts.folder, "prefix": "run-"})
    run_folder = begun["folder"]
    try:
        await host.send_contents(files, run_folder)
        own = installation.folders[0]
        environment = {
            "PYTHONPATH": ":".join(f"{folder}/site" for folder in installation.folders),
            # The next run starts without compiling. It belongs to the code, and is removed together with it.
            "NUMBA_CACHE_DIR": f"{own}/numba",
            "PYTHONNOUSERSITE": "1",  # the user's own packages there may be other versions
        }
        locks = [f"--lock={folder}/complete" for folder in installation.folders]
        python = [facts.python, "-P"]  # not from the working folder
        guard = [*python, "-m", "bench.fleet.bound_agent", f"--folder={run_folder}", *locks, "--", *python, "-m"]
        expanded = [argument.replace("{folder}", run_folder) for argument in arguments]
        command = ["env", *(f"{name}={value}" for name, value in environment.items()), *guard, *expanded]
        process = await host.start(shlex.join(command))
        line = b""
        with contextlib.suppress(TimeoutError):
            line = await process.read_line(_START_S)
        if not line:
            process.close_input()
            reason = await _last_error(process)
            raise HostError(f"{host.name}: the agent did not start: {reason}")
    except BaseException:
        with contextlib.suppress(HostError):
            await _run_on_host(host, facts.python, "remove", {"partial": run_folder})
        raise
    return process, int(json.loads(line)["agent"])


async def _install(host: SshHost, facts: HostFacts, part: Part, report: Callable[[str], None]) -> None:
    prefix = f".partial-{part.digest[:16]}-"
    partial = (await _run_on_host(host, facts.python, "begin", {"folder": facts.folder, "prefix": prefix}))["folder"]
    values = {"folder": facts.folder, "partial": partial, "digest": part.digest, "pip": part.pip}
    try:
        started_s = time.monotonic()
        await host.send_files(part.wheels, f"{partial}/wheels")
        sent_s = time.monotonic()
        megabytes = _megabytes(part.sent_bytes)
        report(
            gettext(
                "{host}: sent {megabytes} MB of wheels in {seconds:.1f} s",
                host=host.name,
                megabytes=megabytes,
                seconds=sent_s - started_s,
            )
        )
        await _run_on_host(host, facts.python, "install", values, _INSTALL_S)
        seconds = time.monotonic() - sent_s
        values = {"host": host.name, "part": gettext(part.label), "seconds": seconds}
        report(gettext("{host}: installed {part} in {seconds:.1f} s", **values))
    except BaseException:
        with contextlib.suppress(HostError):
            await _run_on_host(host, facts.python, "remove", {"partial": partial})
        raise


async def _find_python(host: SshHost) -> tuple[str, str]:
    """Return the path and the version of the Python whose version is closest to the one that runs here."""
    own_minor = sys.version_info.minor
    known = [f"python3.{minor}" for minor in _KNOWN_MINORS]
    names = [f"python3.{own_minor}", "python3", *known, "/usr/local/bin/python3"]
    script = _FIND_PYTHON.format(names=" ".join(dict.fromkeys(names)))
    found = await host.run("sh", script.encode())
    lines = [line.split("\t") for line in found.output.decode(errors="replace").splitlines() if line.count("\t") == 3]
    fitting = [
        (abs(int(version.split(".")[1]) - own_minor), index, path, version)
        for index, (path, version, parallel, kind) in enumerate(lines)
        if tuple(map(int, version.split(".")[:2])) >= MIN_PYTHON and parallel == "0" and kind == "cpython"
    ]
    if fitting:
        _, _, path, version = min(fitting)
        return path, version
    needed = f"Python {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer"
    if lines:
        others = ", ".join(dict.fromkeys(f"{version} ({path})" for path, version, _, _ in lines))
        raise HostError(f"{host.name}: holabench needs {needed} (CPython); this host has {others}; install python3.12")
    if found.code:
        raise HostError(f"{host.name}: cannot run commands: {found.last_line}")
    raise HostError(f"{host.name}: no Python found; holabench needs {needed}; install python3")


async def _run_on_host(
    host: SshHost, python: str, command: str, values: Mapping[str, Any], timeout_s: float = 60.0
) -> dict[str, Any]:
    """Run a command of bench.fleet.on_host there. Raises HostError."""
    source = await asyncio.to_thread(Path(on_host.__file__).read_bytes)
    line = shlex.join([python, "-I", "-", command, json.dumps(values)])
    done = await host.run(line, source, timeout_s)
    try:
        result: dict[str, Any] = json.loads(done.output)
    except ValueError as error:
        raise HostError(f"{host.name}: {python} failed: {done.last_line}") from error
    if "problem" in result:
        raise HostError(f"{host.name}: {result['problem']}")
    return result


async def _last_error(process: RemoteProcess) -> str:
    lines = [line async for line in process.errors()]
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}" if size < 10e6 else f"{size / 1e6:.0f}"

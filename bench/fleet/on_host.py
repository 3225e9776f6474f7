"""The part of a deployment that runs on the host itself, before anything is installed there.

The controller sends the source of this file to the host's Python, with a command and its values as JSON. So it uses the
standard library alone. It prints one line of JSON; what went wrong is ``{"problem": ...}``.

    fleet/              private to the user (0700)
      3f2a.../          one installation, by the digest of its wheels
        site/           the installed files
        pip.whl         only beside the libraries
        complete        written last, with the digest; its time is that of the last use
      .partial-.../     an installation that is being sent or was interrupted
      run-.../          keys of one run; locked by its agent, removed when the agent ends
"""

import contextlib
import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

_KEPT_INSTALLATIONS = 6  # three runs of two parts, e.g. while somebody changes the code
_KEPT_S = 30 * 86400.0
_ABANDONED_S = 86400.0  # longer than anything takes to send or to install
_INSTALL_S = 1800.0
_COMPLETE = "complete"


class ProblemError(Exception):
    """Something on this host prevents the deployment; the message is the end of one line."""


def probe(values: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of this host. values: folder."""
    folder = Path(values["folder"]).expanduser()
    libc, version = platform.libc_ver()
    if libc != "glibc":
        libc, version = "musl", _musl_version()
    connection = os.environ.get("SSH_CONNECTION", "").split()
    return {
        "folder": str(folder),
        "version": platform.python_version(),
        "machine": platform.machine(),
        "libc": libc,
        "libc_version": [int(part) for part in version.split(".")[:2]],
        "cpus": len(os.sched_getaffinity(0)),
        "free_bytes": _free_bytes(folder),
        "uid": os.getuid(),
        "host_name": platform.node(),
        "boot_id": _read("/proc/sys/kernel/random/boot_id"),
        "machine_id": _read("/etc/machine-id"),
        "controller_address": connection[0] if len(connection) == 4 else "",
        "address": connection[2] if len(connection) == 4 else "",
    }


def check(values: dict[str, Any]) -> dict[str, Any]:
    """Return which installations are missing, and remove old ones. values: folder, digests."""
    folder = Path(values["folder"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ProblemError(f"{folder} belongs to another user")
    folder.chmod(0o700)
    missing = []
    for digest in values["digests"]:
        complete = folder / digest / _COMPLETE
        if complete.is_file() and complete.read_text() == digest:
            os.utime(complete)
        else:
            missing.append(digest)
    _remove_old(folder, values["digests"])
    return {"missing": missing, "free_bytes": _free_bytes(folder)}


def begin(values: dict[str, Any]) -> dict[str, Any]:
    """Return a new private folder. values: folder, prefix."""
    return {"folder": tempfile.mkdtemp(prefix=values["prefix"], dir=values["folder"])}


def install(values: dict[str, Any]) -> dict[str, Any]:
    """Install the wheels of a partial folder and give it its final name. values: folder, partial, digest, pip."""
    folder, partial, digest = Path(values["folder"]), Path(values["partial"]), values["digest"]
    pip = folder / values["pip"] / "pip.whl" if values["pip"] else _keep_pip(partial)
    wheels = sorted(map(str, (partial / "wheels").glob("*.whl")))
    # Isolated: neither packages nor settings of the user take part. All wheels are named, so nothing is resolved. Most
    # modules of the libraries are never imported; Python compiles the others once, when it imports them.
    command = [sys.executable, "-I", f"{pip}/pip", "--isolated", "install", "--quiet", "--no-input", "--no-index"]
    command += ["--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--no-warn-script-location"]
    command += [] if values["pip"] else ["--no-compile"]
    command += ["--root-user-action=ignore", f"--target={partial / 'site'}", *wheels]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        check=False,
        env={**os.environ, "TMPDIR": str(partial)},  # pip unpacks there first; /tmp is often small
    )
    if done.returncode:
        lines = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.strip()]
        full = next((line for line in lines if "Errno 28" in line or "Errno 122" in line), "")
        raise ProblemError(full or f"pip exited with code {done.returncode}: {(lines or ['no output'])[-1]}")
    shutil.rmtree(partial / "wheels")
    with (partial / _COMPLETE).open("w") as file:
        file.write(digest)
        file.flush()
        os.fsync(file.fileno())
    _publish(partial, folder / digest)
    return {}


def remove(values: dict[str, Any]) -> dict[str, Any]:
    """Remove a partial folder. values: partial."""
    shutil.rmtree(values["partial"], ignore_errors=True)
    return {}


def _keep_pip(partial: Path) -> Path:
    """Move pip out of the wheels to install, and return its path. A wheel of pip runs without being installed."""
    kept = partial / "pip.whl"
    next((partial / "wheels").glob("pip-*.whl")).rename(kept)
    return kept


def _publish(partial: Path, final: Path) -> None:
    """Rename an installation. Of two that do so at once, the second one uses the first one's."""
    try:
        partial.rename(final)
    except OSError:
        complete = final / _COMPLETE
        if complete.is_file() and complete.read_text() == final.name:
            shutil.rmtree(partial, ignore_errors=True)
            return
        shutil.rmtree(final)  # damaged by hand
        partial.rename(final)


def _remove_old(folder: Path, used: list[str]) -> None:
    now_s = time.time()
    ages = {}
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            if entry.name.startswith((".partial-", "run-")):
                if now_s - entry.stat().st_mtime > _ABANDONED_S and not _is_locked(entry / "lock"):
                    shutil.rmtree(entry, ignore_errors=True)
            elif re.fullmatch("[0-9a-f]{16,64}", entry.name) and entry.name not in used:
                ages[entry] = now_s - (entry / _COMPLETE).stat().st_mtime
    by_age = sorted(ages, key=lambda entry: ages[entry])
    for index, entry in enumerate(by_age):
        too_many = index + len(used) >= _KEPT_INSTALLATIONS
        if (too_many or ages[entry] > _KEPT_S) and not _is_locked(entry / _COMPLETE):
            # Renamed first: what is half removed is not complete.
            doomed = folder / f".partial-old-{entry.name}"
            with contextlib.suppress(OSError):
                entry.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _is_locked(path: Path) -> bool:
    """Return whether an agent holds a lock on a file."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _free_bytes(folder: Path) -> int:
    """Return the free space where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _musl_version() -> str:
    """Return the version of musl; its loader prints it. Raises ProblemError."""
    if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        for loader in Path("/lib").glob("ld-musl-*.so.1"):
            output = subprocess.run([loader], capture_output=True, text=True, check=False).stderr
            if found := re.search(r"Version (\d+\.\d+)", output):
                return found[1]
    raise ProblemError("the C library is neither glibc nor musl, so there are no wheels for it")


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


COMMANDS = {"probe": probe, "check": check, "begin": begin, "install": install, "remove": remove}


def main(command: str, values: dict[str, Any]) -> None:
    """Run a command and print its result."""
    try:
        result = COMMANDS[command](values)
    except ProblemError as error:
        result = {"problem": str(error)}
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        result = {"problem": f"{error.strerror or error}{where}"}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))

"""What machine this is: recorded before the first trial, for whoever wants to believe or repeat the figures."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench.machine.cpu_layout import Placement
from bench.schema.rows import SCHEMA

_PACKAGES = ("numba", "numpy", "pandas", "scipy", "matplotlib", "psutil")
_DECISIVE = (
    "cpu_model",
    "cpus",
    "server_cpus",
    "generator_cpus",
    "architecture",
    "hypervisor",
    "kernel",
    "clocksource",
    "governor",
    "python",
    "memory_mb",
)
_KERNEL_SETTINGS = {
    "somaxconn": "net/core/somaxconn",
    "rmem_max_bytes": "net/core/rmem_max",
    "wmem_max_bytes": "net/core/wmem_max",
    "tcp_syncookies": "net/ipv4/tcp_syncookies",
    "tcp_tw_reuse": "net/ipv4/tcp_tw_reuse",
    "ip_local_port_range": "net/ipv4/ip_local_port_range",
}


def describe(placement: Placement) -> dict[str, Any]:
    """Return the environment of a run, as plain JSON."""
    return {
        "schema": SCHEMA,
        "holabench": {"version": _version("holabench"), "revision": _revision()},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {
            "cpu_model": _cpu_model(),
            "cpus": os.cpu_count(),
            "usable_cpus": sorted(os.sched_getaffinity(0)),
            "server_cpus": list(placement.server),
            "generator_cpus": list(placement.client),
            "memory_mb": round(psutil.virtual_memory().total / 1e6),
            "kernel": platform.release(),
            "architecture": platform.machine(),
            "clocksource": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "hypervisor": "hypervisor" in (_read("/proc/cpuinfo") or ""),
            "load_average": list(os.getloadavg()),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "packages": {name: _version(name) for name in _PACKAGES},
            "kernel_settings": {name: _read(f"/proc/sys/{path}") for name, path in _KERNEL_SETTINGS.items()},
        },
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two environments as far as it can change figures, one line each, the gravest first."""
    found = []
    machines = _part(before, "machine"), _part(now, "machine")
    for name in _DECISIVE:
        found += _difference(name, *(machine.get(name) for machine in machines))
    for part in ("packages", "kernel_settings"):
        one, other = (_part(machine, part) for machine in machines)
        for name in sorted({*one, *other}):
            found += _difference(name, one.get(name), other.get(name))
    for name in ("version", "revision"):
        found += _difference(f"holabench {name}", *(_part(side, "holabench").get(name) for side in (before, now)))
    return found


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def _difference(name: str, before: object = None, now: object = None) -> list[str]:
    return [] if before == now else [f"{name}: {before} before, {now} now"]


def _cpu_model() -> str | None:
    lines = (_read("/proc/cpuinfo") or "").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else None


def _revision() -> str | None:
    """Commit of the checkout that runs, with a mark if it has been changed; None external of one."""
    home = Path(__file__).resolve().parents[2]
    try:
        told = subprocess.run(
            ["git", "-C", home, "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None

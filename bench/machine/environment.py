"""Facts about the machine, recorded before the first trial.

They are needed to judge and to repeat the results.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench.machine.cgroup_limits import read_limits
from bench.machine.child_environment import describe_environment
from bench.machine.cpu_layout import Placement
from bench.machine.kernel_files import read_kernel_file
from bench.schema.csv_schema import SCHEMA

_PACKAGES = ("numba", "numpy", "pandas", "scipy", "matplotlib", "psutil")
_DECISIVE_FACTS = (  # those that change results most, in this order
    "cpu_model",
    "cpus",
    "server_cpus",
    "generator_cpus",
    "cpu_quota",
    "architecture",
    "hypervisor",
    "kernel",
    "clocksource",
    "governor",
    "python",
    "memory_mb",
    "memory_limit_mb",
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
    limits = read_limits()
    return {
        "schema": SCHEMA,
        "holabench": {"version": _version("holabench"), "revision": _revision()},
        "command": ["holabench", *sys.argv[1:]],
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu_model": _cpu_model(),
            "cpus": os.cpu_count(),
            "usable_cpus": sorted(os.sched_getaffinity(0)),
            "server_cpus": list(placement.server),
            "generator_cpus": list(placement.generator),
            "memory_mb": round(psutil.virtual_memory().total / 1e6),
            "cpu_quota": limits.cpus,
            "memory_limit_mb": None if limits.memory_bytes is None else round(limits.memory_bytes / 1e6),
            "kernel": platform.release(),
            "architecture": platform.machine(),
            "clocksource": read_kernel_file("/sys/devices/system/clocksource/clocksource0/current_clocksource") or None,
            "governor": read_kernel_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
            "hypervisor": "hypervisor" in read_kernel_file("/proc/cpuinfo"),
            "load_average": list(os.getloadavg()),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "packages": {name: _version(name) for name in _PACKAGES},
            **describe_environment(),
            "kernel_settings": {
                name: read_kernel_file(f"/proc/sys/{path}") or None for name, path in _KERNEL_SETTINGS.items()
            },
        },
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences between two environments that can change results.

    There is one line for each difference, the most important one first.
    """
    lines = []
    machines = _part(before, "machine"), _part(now, "machine")
    for name in _DECISIVE_FACTS:
        lines += _difference(name, *(machine.get(name) for machine in machines))
    for part in ("packages", "kernel_settings"):
        part_before, part_now = (_part(machine, part) for machine in machines)
        for name in sorted({*part_before, *part_now}):
            lines += _difference(name, part_before.get(name), part_now.get(name))
    for name in ("version", "revision"):
        lines += _difference(f"holabench {name}", *(_part(side, "holabench").get(name) for side in (before, now)))
    return lines


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def _difference(name: str, before: object = None, now: object = None) -> list[str]:
    before, now = _normalised(before), _normalised(now)
    return [] if before == now or _is_same_memory(name, before, now) else [f"{name}: {before} before, {now} now"]


def _is_same_memory(name: str, before: object, now: object) -> bool:
    """Return whether two sizes of the memory differ by less than a per cent: each kernel reserves another part."""
    if name != "memory_mb" or not isinstance(before, int) or not isinstance(now, int):
        return False
    return abs(before - now) < max(before, now) / 100


def _normalised(value: object) -> object:
    """Return a value with single spaces: sysctl files contain tabs."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _cpu_model() -> str | None:
    lines = read_kernel_file("/proc/cpuinfo").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else None


def _revision() -> str | None:
    """Return the commit of the checkout that runs; None outside of a checkout.

    A checkout with changes is marked.
    """
    root = Path(__file__).resolve().parents[2]
    try:
        output = subprocess.run(
            ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return output.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

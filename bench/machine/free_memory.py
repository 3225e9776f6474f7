"""The memory that servers and generator can use."""

import psutil

from bench.machine.cgroup_limits import read_limits

_USABLE_SHARE = 0.8  # the rest is for what else runs, and for the estimates


def free_memory_mb() -> float:
    """Return the usable part of the free memory of this machine, or of its container if that has less."""
    free_bytes = [float(psutil.virtual_memory().available)]
    if (of_container := read_limits().free_memory_bytes) is not None:
        free_bytes.append(float(of_container))
    return _USABLE_SHARE * min(free_bytes) / 1e6

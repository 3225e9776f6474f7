"""Is this machine fit to measure? What is looked at, why it matters, and how to change it. Reading only."""

import os
import resource
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from bench.machine.cpu_layout import cores, place

State = Literal["good", "look", "bad"]  # look: figures are right, but those of a machine that is set up so
_LOOK_S = 0.5
_BUSY_SHARE = 0.05  # of one CPU, by something that has nothing to do with the run
_GOOD_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    value: str
    state: State
    why: str
    remedy: str = ""


def findings() -> list[Finding]:
    """Look at everything but our own processes; takes half a second."""
    return [one for check in (_cpus, _speed, _others, _kernel, _limits, _interpreter) for one in check()]


def troubles(found: list[Finding]) -> list[Finding]:
    """What is to be told before a run, unasked."""
    return [one for one in found if one.state == "bad"]


def _cpus() -> Iterator[Finding]:
    usable = sorted(os.sched_getaffinity(0))
    placement = place(usable, cores(usable))
    yield Finding(
        "CPUs",
        f"{len(usable)} of {os.cpu_count()}; generator: {_list(placement.client)}, servers: {_list(placement.server)}",
        "good" if placement.disjoint else "bad",
        "a generator that shares a CPU with the server measures their quarrel",
        "give this process two CPUs at least (taskset, the container's cpuset)",
    )
    siblings = {one for one in cores(usable).values() if "," in str(one) or "-" in str(one)}
    if siblings:
        yield Finding(
            "threads of a core",
            ", ".join(sorted(map(str, siblings))),
            "look",
            "two threads of a core slow each other; whole cores go to one side here",
            "switch SMT off for quieter figures",
        )
    hypervisor = "hypervisor" in _read("/proc/cpuinfo")
    yield Finding(
        "virtual machine",
        "yes" if hypervisor else "no",
        "look" if hypervisor else "good",
        "its host gives CPU time to others, and changes the speed without a word",
        "measure on bare metal if it can be had",
    )


def _speed() -> Iterator[Finding]:
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    yield Finding(
        "governor",
        governor or "none here",
        "good" if governor in ("", "performance") else "look",
        "a CPU that saves power is slow when a request wakes it",
        "cpupower frequency-set --governor performance",
    )
    no_turbo, boost = (_read(f"/sys/devices/system/cpu/{name}") for name in ("intel_pstate/no_turbo", "cpufreq/boost"))
    turbo = no_turbo == "0" or boost == "1"
    yield Finding(
        "turbo",
        "on" if turbo else "off, or not to be seen",
        "look" if turbo else "good",
        "the clock depends on how warm the machine is",
        "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo",
    )
    clock = _read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    yield Finding(
        "clock source",
        clock or "unknown",
        "good" if clock in _GOOD_CLOCKS else "bad",
        "others take a system call for each reading, several for each request",
        "boot with clocksource=tsc if it is stable",
    )


def _others() -> Iterator[Finding]:
    before, steal, began_s = _cpu_times(), psutil.cpu_times().steal, time.monotonic()
    time.sleep(_LOOK_S)
    elapsed_s = time.monotonic() - began_s
    now = _cpu_times()
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    share = {pid: (now[pid][1] - before[pid][1]) / elapsed_s for pid in (now.keys() & before.keys()) - ours}
    heavy = sorted((pid for pid in share if share[pid] > _BUSY_SHARE), key=lambda pid: -share[pid])
    yield Finding(
        "other processes",
        ", ".join(f"{now[pid][0]} ({pid}) {share[pid]:.0%}" for pid in heavy[:5]) or "none is busy",
        "bad" if heavy else "good",
        "what they take of a CPU is missing in the figures",
        "end them, or wait until they are done",
    )
    steal_share = (psutil.cpu_times().steal - steal) / elapsed_s / (os.cpu_count() or 1)
    yield Finding(
        "steal time",
        f"{steal_share:.1%}",
        "bad" if steal_share > 0.01 else "good",
        "CPU time that the host gave to other machines",
        "another time, or another host",
    )
    load = os.getloadavg()[0]
    yield Finding(
        "load average",
        f"{load:.2f}",
        "look" if load > 0.5 else "good",
        "what wanted a CPU in the last minute",
        "wait a minute, if that was your own work",
    )


def _kernel() -> Iterator[Finding]:
    backlog = _number("net/core/somaxconn")
    yield Finding(
        "net.core.somaxconn",
        str(backlog),
        "good" if backlog >= 1024 else "bad",
        "the longest backlog there can be: clients that come together wait for a second try beyond it",
        "sysctl net.core.somaxconn=4096",
    )
    receive = _number("net/core/rmem_max")
    yield Finding(
        "net.core.rmem_max",
        f"{receive:,} bytes",
        "good" if receive >= 1 << 20 else "look",
        "the largest buffer for datagrams: those that come while it is full are lost",
        "sysctl net.core.rmem_max=1048576",
    )
    cookies = _number("net/ipv4/tcp_syncookies")
    yield Finding(
        "net.ipv4.tcp_syncookies",
        str(cookies),
        "good" if cookies != 2 else "look",
        "always on (2), connections lose options that others keep",
        "sysctl net.ipv4.tcp_syncookies=1",
    )
    low, high = (int(word) for word in _read("/proc/sys/net/ipv4/ip_local_port_range").split() or ("32768", "60999"))
    reuse = _number("net/ipv4/tcp_tw_reuse")
    yield Finding(
        "ports",
        f"{high - low + 1:,}, tcp_tw_reuse {reuse}",
        "good" if high - low > 20_000 or reuse else "look",
        "every closed connection keeps its port for a minute; the generator takes more addresses when they run short",
        "sysctl net.ipv4.ip_local_port_range='15000 65000'",
    )
    waiting = next((line.split() for line in _read("/proc/net/sockstat").splitlines() if line.startswith("TCP:")), [])
    count = int(waiting[waiting.index("tw") + 1]) if "tw" in waiting else 0
    yield Finding(
        "connections in TIME_WAIT",
        f"{count:,}",
        "good" if count < 10_000 else "look",
        "they hold ports and memory of what was measured before",
        "wait a minute",
    )


def _limits() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= 4096
    yield Finding(
        "descriptors",
        f"{soft:,}, at most {'any number' if hard == resource.RLIM_INFINITY else f'{hard:,}'}",
        "good" if enough else "bad",
        "every connection takes one on either side; the soft limit is raised by itself",
        "ulimit -Hn 65536, or limits.conf",
    )
    free_mb = psutil.virtual_memory().available / 1e6
    yield Finding(
        "memory",
        f"{free_mb:,.0f} MB free",
        "good" if free_mb > 1000 else "bad",
        "a machine that swaps measures its disk",
        "end what holds it",
    )


def _interpreter() -> Iterator[Finding]:
    debug = bool(sysconfig.get_config_var("Py_DEBUG"))
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    words = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    words += ", debug" * debug + ("" if optimised or debug else ", built without --enable-optimizations")
    yield Finding(
        "Python",
        words,
        "bad" if debug else "good" if optimised else "look",
        "models run in it: one that was built for speed is some 10 to 20 % faster",
        "take your distribution's, or an official one",
    )


def _cpu_times() -> dict[int, tuple[str, float]]:
    found: dict[int, tuple[str, float]] = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None:
            found[process.pid] = str(process.info["name"]), times.user + times.system
    return found


def _number(setting: str) -> int:
    text = _read(f"/proc/sys/{setting}")
    return int(text) if text.isdigit() else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _list(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))

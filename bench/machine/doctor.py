"""Check whether this machine is fit for measurements. Read-only.

Each finding includes why it matters and how to fix it.
"""

import os
import sys
import sysconfig
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import psutil

from bench.escaping import visible
from bench.machine import cgroup_limits, fd_limit
from bench.machine.cpu_layout import cores, place_here
from bench.machine.kernel_files import read_kernel_file
from bench.translation import gettext

State = Literal["good", "note", "bad"]  # note: results are correct, but typical of this setting
_OBSERVE_S = 0.5
_BUSY_SHARE = 0.05  # of one CPU, by an unrelated process
_MAX_LISTED = 5
_MAX_STEAL_SHARE = 0.01
_MAX_LOAD_AVERAGE = 0.5
_FAST_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")
_MIN_BACKLOG = 1024
_MIN_RECEIVE_BYTES = 1 << 20
_MIN_PORTS = 20_000
_MAX_TIME_WAIT = 10_000
_MIN_DESCRIPTORS = 4096
_MIN_FREE_MB = 1000
_MIN_QUOTA_CPUS = 2  # one for the generator, one for the servers


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    value: str
    state: State
    why: str  # it matters
    remedy: str = ""


def findings(*, both_sides: bool = True) -> list[Finding]:
    """Check everything except the processes of this run. Takes half a second.

    both_sides: whether servers and generator are to share this machine.
    """
    division = (_check_division,) if both_sides else ()
    checks = (*division, _check_quota, _check_speed, _check_load, _check_kernel, _check_limits, _check_interpreter)
    return [finding for check in checks for finding in check()]


def problems(found: list[Finding]) -> list[Finding]:
    """Return the findings that are worth a warning before a run."""
    return [finding for finding in found if finding.state == "bad"]


def describe_host(measured: Sequence[int], other: Sequence[int]) -> list[Finding]:
    """Return what a run over several machines has to know of this one, and its problems. Takes half a second.

    measured: CPUs of the servers or of the generator. other: CPUs of everything else.
    """
    is_apart = not set(measured) & set(other)
    layout = Finding(
        "CPUs",
        gettext(
            "{measured} under load, {other} for everything else, of {cpu_count}",
            cpu_count=os.cpu_count(),
            measured=_comma_list(measured),
            other=_comma_list(other),
        ),
        "good" if is_apart else "bad",
        gettext("interrupts of the network card and this program take CPU time, which a host with one core shares"),
        gettext("give this process at least two cores (taskset, or the container's cpuset)"),
    )
    return [layout, *_check_smt({*measured, *other}), *_check_governor(), *problems(findings(both_sides=False))]


def _check_division() -> Iterator[Finding]:
    usable = sorted(os.sched_getaffinity(0))
    placement = place_here(usable)
    generator, servers = _comma_list(placement.generator), _comma_list(placement.server)
    yield Finding(
        "CPUs",
        gettext(
            "{usable} of {cpu_count} usable; generator: {generator}, servers: {servers}",
            usable=len(usable),
            cpu_count=os.cpu_count(),
            generator=generator,
            servers=servers,
        ),
        "good" if placement.disjoint else "bad",
        gettext(
            "a generator that shares a CPU or a core with the server competes with it, so results reflect contention"
        ),
        gettext("give this process at least two cores (taskset, or the container's cpuset)"),
    )


def _check_quota() -> Iterator[Finding]:
    quota_cpus = cgroup_limits.read_limits().cpus
    if quota_cpus is not None:
        yield Finding(
            gettext("CPU quota"),
            f"{quota_cpus:g} CPUs",
            "good" if quota_cpus >= _MIN_QUOTA_CPUS else "bad",
            gettext("when a container has used up its quota, the kernel stops all its processes until the next period"),
            gettext("give the container at least two CPUs, or a cpuset instead of a quota"),
        )
    yield from _check_smt(os.sched_getaffinity(0))
    is_virtual = "hypervisor" in read_kernel_file("/proc/cpuinfo")
    yield Finding(
        gettext("virtual machine"),
        gettext("yes") if is_virtual else gettext("no"),
        "note" if is_virtual else "good",
        gettext("the hypervisor may take CPU time and change the clock speed without notice"),
        gettext("measure on bare metal if possible"),
    )


def _check_smt(cpus: Collection[int]) -> Iterator[Finding]:
    siblings = {str(core) for core in cores(sorted(cpus)).values() if "," in str(core) or "-" in str(core)}
    if siblings:
        yield Finding(
            gettext("SMT siblings"),
            ", ".join(sorted(siblings)),
            "note",
            gettext("two threads of a core slow each other; holabench gives whole cores to one side"),
            gettext("switch SMT off for less noise"),
        )


def _check_governor() -> Iterator[Finding]:
    governor = read_kernel_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    yield Finding(
        gettext("governor"),
        governor or gettext("not available"),
        "good" if governor in ("", "performance") else "note",
        gettext("a CPU that saves power is slow when a request wakes it"),
        "cpupower frequency-set --governor performance",
    )


def _check_speed() -> Iterator[Finding]:
    yield from _check_governor()
    no_turbo = read_kernel_file("/sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = read_kernel_file("/sys/devices/system/cpu/cpufreq/boost")
    turbo = no_turbo == "0" or boost == "1"
    yield Finding(
        gettext("turbo"),
        gettext("on") if turbo else gettext("off or unknown"),
        "note" if turbo else "good",
        gettext("the clock speed depends on the temperature of the machine"),
        "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo",
    )
    clock = read_kernel_file("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    yield Finding(
        gettext("clock source"),
        clock or gettext("unknown"),
        "good" if clock in _FAST_CLOCKS else "bad",
        gettext("a slow clock source needs a system call for every time stamp, several per request"),
        gettext("boot with clocksource=tsc if the TSC is stable"),
    )


def _check_load() -> Iterator[Finding]:
    before, steal_before_s, start_s = _cpu_times(), psutil.cpu_times().steal, time.monotonic()
    time.sleep(_OBSERVE_S)
    elapsed_s = time.monotonic() - start_s
    yield _busy_processes(before, _cpu_times(), elapsed_s)
    steal_share = (psutil.cpu_times().steal - steal_before_s) / elapsed_s / (os.cpu_count() or 1)
    yield Finding(
        gettext("steal time"),
        f"{steal_share:.1%}",
        "bad" if steal_share > _MAX_STEAL_SHARE else "good",
        gettext("the hypervisor gives this CPU time to other virtual machines"),
        gettext("measure at another time or on another host"),
    )
    load = os.getloadavg()[0]
    yield Finding(
        gettext("load average"),
        f"{load:.2f}",
        "note" if load > _MAX_LOAD_AVERAGE else "good",
        gettext("number of processes that wanted a CPU in the last minute"),
        gettext("wait a minute if this was your own work"),
    )


def _busy_processes(
    before: dict[int, tuple[str, float]], now: dict[int, tuple[str, float]], elapsed_s: float
) -> Finding:
    own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    shares = {pid: (now[pid][1] - before[pid][1]) / elapsed_s for pid in (now.keys() & before.keys()) - own}
    busy = sorted((pid for pid in shares if shares[pid] > _BUSY_SHARE), key=lambda pid: -shares[pid])
    texts = [f"{visible(now[pid][0])} ({pid}) {shares[pid]:.0%}" for pid in busy[:_MAX_LISTED]]
    return Finding(
        gettext("other processes"),
        ", ".join(texts) or gettext("none is busy"),
        "bad" if busy else "good",
        gettext("the CPU time that they take is missing for servers and generator"),
        gettext("stop them, or wait until they finish"),
    )


def _check_kernel() -> Iterator[Finding]:
    backlog = _read_setting("net/core/somaxconn")
    yield Finding(
        "net.core.somaxconn",
        str(backlog),
        "good" if backlog >= _MIN_BACKLOG else "bad",
        gettext("limit of the listen backlog: clients that connect at the same time beyond it have to retry"),
        "sysctl net.core.somaxconn=4096",
    )
    receive_bytes = _read_setting("net/core/rmem_max")
    yield Finding(
        "net.core.rmem_max",
        gettext("{receive_bytes:,} bytes", receive_bytes=receive_bytes),
        "good" if receive_bytes >= _MIN_RECEIVE_BYTES else "note",
        gettext("limit of the receive buffer: datagrams that arrive while it is full are lost"),
        "sysctl net.core.rmem_max=1048576",
    )
    cookies = _read_setting("net/ipv4/tcp_syncookies")
    yield Finding(
        "net.ipv4.tcp_syncookies",
        str(cookies),
        "good" if cookies != 2 else "note",
        gettext("with the value 2 all connections lose TCP options that they normally have"),
        "sysctl net.ipv4.tcp_syncookies=1",
    )
    yield from _check_ports()


def _check_ports() -> Iterator[Finding]:
    low, high = map(int, read_kernel_file("/proc/sys/net/ipv4/ip_local_port_range").split() or ("32768", "60999"))
    reuse = _read_setting("net/ipv4/tcp_tw_reuse")
    ports = high - low + 1
    yield Finding(
        gettext("ports"),
        gettext("{ports:,}, tcp_tw_reuse {reuse}", ports=ports, reuse=reuse),
        "good" if ports > _MIN_PORTS or reuse else "note",
        gettext(
            "a closed connection keeps its port for a minute; the generator uses more addresses when ports run short"
        ),
        "sysctl net.ipv4.ip_local_port_range='15000 65000'",
    )
    sockets = next(
        (line.split() for line in read_kernel_file("/proc/net/sockstat").splitlines() if line.startswith("TCP:")), []
    )
    waiting = int(sockets[sockets.index("tw") + 1]) if "tw" in sockets else 0
    yield Finding(
        gettext("connections in TIME_WAIT"),
        f"{waiting:,}",
        "good" if waiting < _MAX_TIME_WAIT else "note",
        gettext("connections of an earlier measurement still occupy ports and memory"),
        gettext("wait a minute"),
    )


def _check_limits() -> Iterator[Finding]:
    limit = fd_limit.hard_limit()
    yield Finding(
        gettext("file descriptors"),
        gettext("no limit") if limit is None else gettext("at most {limit:,}", limit=limit),
        "good" if limit is None or limit >= _MIN_DESCRIPTORS else "bad",
        gettext("every connection needs one on each side; holabench raises the soft limit itself"),
        gettext("ulimit -Hn 65536, or limits.conf"),
    )
    limits = cgroup_limits.read_limits()
    of_limit = (
        ""
        if limits.memory_bytes is None
        else gettext(" of the container's {memory_bytes:,.0f} MB", memory_bytes=limits.memory_bytes / 1e6)
    )
    free_mb = psutil.virtual_memory().available / 1e6
    if limits.free_memory_bytes is not None:
        free_mb = min(free_mb, limits.free_memory_bytes / 1e6)
    yield Finding(
        gettext("memory"),
        gettext("{free_mb:,.0f} MB free{of_limit}", free_mb=free_mb, of_limit=of_limit),
        "good" if free_mb > _MIN_FREE_MB else "bad",
        gettext("a machine that swaps measures its disk"),
        gettext("stop other memory-intensive processes"),
    )


def _check_interpreter() -> Iterator[Finding]:
    debug = bool(sysconfig.get_config_var("Py_DEBUG"))
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    version = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    if debug:
        version += gettext(", debug build")
    elif not optimised:
        version += gettext(", built without --enable-optimizations")
    yield Finding(
        "Python",
        version,
        "bad" if debug else "good" if optimised else "note",
        gettext("the models run in it; an optimised build is about 10 to 20% faster"),
        gettext("use the Python of your distribution, or an official build"),
    )


def _cpu_times() -> dict[int, tuple[str, float]]:
    """Return name and CPU seconds of each process, by process id."""
    cpu_times: dict[int, tuple[str, float]] = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None:
            cpu_times[process.pid] = str(process.info["name"]), times.user + times.system
    return cpu_times


def _read_setting(name: str) -> int:
    text = read_kernel_file(f"/proc/sys/{name}")
    return int(text) if text.isdigit() else 0


def _comma_list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))

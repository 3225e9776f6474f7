"""Facts about a run: when, where and how it was measured. Pure."""

import ipaddress
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.schema.load_time import LoadTime
from bench.translation import N_, gettext, ngettext

UNKNOWN = N_("unknown")
MACHINE_FACTS = ("cpu_model", "cpus", "memory_mb", "kernel", "clocksource", "python", "packages")  # listed first


def run_facts(
    environment: Mapping[str, Any],
    plan: Mapping[str, Any],
    trials: pd.DataFrame,
    started: str,
    load_time: LoadTime | None = None,
) -> list[tuple[str, str]]:
    """Return the time, machine, load and network of the measurements."""
    machine = _mapping(environment.get("machine"))
    facts = [(gettext("measured"), started)]
    if hardware := _hardware(environment):
        facts.append((gettext("machine"), hardware))
        if servers := machine.get("server_cpus"):
            facts.append(
                (gettext("CPUs"), _cpus(servers, machine.get("generator_cpus") or (), _generator_hosts(environment)))
            )
    facts += [(gettext("time under load"), load) for load in _load_facts(trials)]
    if load_time is not None:
        facts.append((gettext("load share"), str(load_time)))
    facts.append((gettext("network"), _network(plan, _generator_hosts(environment))))
    variables = _mapping(machine.get("variables_kept_from_models"))
    if variables and any(server.get("command") for server in plan.get("external_servers", ())):
        facts.append(
            (
                gettext("external servers only"),
                gettext("ran with {value}, which may change their speed", value=_value(variables)),
            )
        )
    return [(name, text) for name, text in facts if text]


def machine_line(environment: Mapping[str, Any]) -> str:
    """Return one line on the machine; "" if it is unknown."""
    machine = _mapping(environment.get("machine"))
    if not (cpus := machine.get("cpus")):
        return ""
    parts = [_cpus_text(int(cpus))]
    if model := machine.get("cpu_model"):
        parts.append(_value(model))
    if machine.get("hypervisor"):
        parts.append(gettext("virtual machine"))
    if servers := machine.get("server_cpus"):
        parts.append(_cpus(servers, machine.get("generator_cpus") or (), _generator_hosts(environment)))
    return gettext("Machine: {parts}.", parts=", ".join(parts))


def describe_origin(
    names: Sequence[str], environments: Sequence[Mapping[str, Any]], starts: Sequence[datetime | None]
) -> str:
    """Return when and on which machine runs were measured, one after another.

    starts: when each run started, if that is known. The machine is named once if all runs have the same one.
    """
    hardware = [_hardware(environment) or gettext(UNKNOWN) for environment in environments]
    times = [format_start(start) or gettext(UNKNOWN) for start in starts]
    if len(set(hardware)) == 1:
        times = [f"{name}: {time}" for name, time in zip(names, times, strict=True)]
        return gettext("Measured: {times} | machine: {hardware}", times=" | ".join(times), hardware=hardware[0])
    runs = [f"{name}: {time}, {machine}" for name, time, machine in zip(names, times, hardware, strict=True)]
    return gettext("Measured: {runs}", runs=" | ".join(runs))


def format_start(started_at: datetime | None) -> str:
    """Return the minute at which a run started; empty if it is unknown."""
    return started_at.strftime("%Y-%m-%d %H:%M UTC") if started_at else ""


def _hardware(environment: Mapping[str, Any]) -> str:
    """Return the processors of the machine; empty if they are unknown."""
    machine = _mapping(environment.get("machine"))
    if not (cpus := machine.get("cpus")):
        return ""
    kind = gettext(", virtual machine") if machine.get("hypervisor") else ""
    return f"{_cpus_text(int(cpus))} ({gettext(_value(machine.get('cpu_model')))}{kind})"


def generator_has_own_cpus(environment: Mapping[str, Any]) -> bool:
    """Return whether the generator had CPUs without servers; False if that is unknown."""
    machine = _mapping(environment.get("machine"))
    servers, generator = (set(machine.get(name) or ()) for name in ("server_cpus", "generator_cpus"))
    return bool(_generator_hosts(environment)) or (bool(servers and generator) and not servers & generator)


def _generator_hosts(environment: Mapping[str, Any]) -> list[str]:
    """Return the hosts of the load generators; none if they are on the machine of the servers."""
    return sorted(map(str, _mapping(environment.get("fleet"))))


def _cpus(servers: Collection[object], generator: Collection[object], hosts: Collection[str]) -> str:
    if hosts:
        return gettext(
            "{servers} for the servers; load generators on {hosts}", servers=len(servers), hosts=", ".join(hosts)
        )
    if set(servers) & set(generator):
        return gettext("{cpus} for the servers and the load generator together", cpus=_cpus_text(len(servers)))
    return gettext(
        "{servers} for the servers, {generator} for the load generator", servers=len(servers), generator=len(generator)
    )


def _cpus_text(count: int) -> str:
    return ngettext("{count} CPU", "{count} CPUs", count)


def machine_facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known about the machine. Unknown facts are left out."""
    machine = _mapping(environment.get("machine"))
    names = dict.fromkeys([*MACHINE_FACTS, *machine])
    facts = [_machine_fact(str(name), machine.get(name)) for name in names]
    revision = _mapping(environment.get("holabench")).get("revision")
    facts.append(("git", _value(environment.get("git", revision))))
    listed = ("machine", "git", "command", "started_at", "preflight", "paths", "loopback_control")
    facts += [(str(name), _value(value)) for name, value in environment.items() if name not in listed]
    return [(name, text) for name, text in facts if text != UNKNOWN]


def _machine_fact(name: str, value: object) -> tuple[str, str]:
    if name == "hypervisor" and isinstance(value, bool):
        return gettext("virtual machine"), gettext("yes") if value else gettext("no")
    if name == "load_average" and isinstance(value, list | tuple):
        return gettext("load average"), ", ".join(
            f"{load:.2f}" if isinstance(load, float) else str(load) for load in value
        )
    return name, _value(value)


def plan_facts(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every key of the plan with its value as JSON."""
    return [(str(name), json.dumps(value, ensure_ascii=False, default=str)) for name, value in plan.items()]


def command_line(environment: Mapping[str, Any]) -> str:
    """Return the command that started the run, if it was recorded."""
    command = environment.get("command")
    if isinstance(command, list | tuple):
        command = " ".join(map(str, command))
    return " ".join(str(command).split()) if command else ""


def _load_facts(trials: pd.DataFrame) -> list[str]:
    """Return how long each server was loaded at each load point, in all blocks together."""
    if trials.empty:
        return []
    competes = trials["arm"].map(lambda name: Arm.parse(name).competes).astype(bool)
    measured = trials[competes & (trials["status"] == "ok") & trials["duration_s"].notna()]
    if measured.empty:
        return []
    seconds = measured.groupby(["arm", *LoadPoint.PLANNED_COLUMNS], dropna=False)["duration_s"].sum()
    low, high = seconds.min(), seconds.max()
    duration = (
        f"{low:.1f} s" if f"{low:.1f}" == f"{high:.1f}" else gettext("{low:.1f} to {high:.1f} s", low=low, high=high)
    )
    blocks = ngettext("{count} block", "{count} blocks", measured["block"].nunique())
    return [
        gettext(
            "{duration} for each server, scenario and number of clients, in {blocks} together",
            duration=duration,
            blocks=blocks,
        )
    ]


def _network(plan: Mapping[str, Any], generator_hosts: Collection[str]) -> str:
    """Return the network between generator and servers.

    Servers that the run starts listen on loopback, unless the generators are on other hosts.
    """
    if generator_hosts:
        return gettext("between the host of the servers and {hosts}", hosts=", ".join(generator_hosts))
    targets = [str(server.get("target") or "") for server in plan.get("external_servers", ())]
    remote = sorted({host for target in targets if target and not _is_loopback(host := _host(target))})
    return (
        gettext("to {remote} for running servers; loopback for all others", remote=", ".join(remote))
        if remote
        else gettext("loopback only")
    )


def _host(target: str) -> str:
    return target.rpartition(":")[0].strip("[]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _value(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, Mapping):
        known = {name: text for name, item in value.items() if (text := _value(item)) != UNKNOWN}
        return ", ".join(f"{name} {text}" for name, text in known.items()) or UNKNOWN
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or gettext("none")
    return str(value)

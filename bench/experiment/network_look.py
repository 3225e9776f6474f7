"""Measurements before the first block of a run over several machines, and their report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.experiment.loopback_control import measure_loopback_control
from bench.experiment.network_baseline import check_baseline
from bench.experiment.observer import RunObserver
from bench.experiment.remote_side import RemoteSide
from bench.experiment.run_context import RunContext
from bench.experiment.server import Servers
from bench.machine.cpu_layout import Placement
from bench.machine.doctor import Finding
from bench.plan.time_costs import LOOPBACK_CONTROL_S


def report_findings(found: Sequence[Finding], observer: RunObserver) -> None:
    """Report findings about the machines and the paths between them."""
    for finding in found:
        if finding.state == "bad":
            observer.on_warning(f"{finding.name}: {finding.value}; {finding.why}. To fix it: {finding.remedy}")
        else:
            observer.on_message(f"{finding.name}: {finding.value}")


def network_facts(
    context: RunContext,
    baselines: Mapping[str, Servers],
    placement: Placement,
    remote: RemoteSide | None,
    *,
    is_new: bool,
) -> dict[str, Any]:
    """Measure what the network needs besides its paths; return all findings for the environment of the run.

    is_new: whether the control over loopback is measured: a run that is resumed has one.
    """
    if remote is None:
        return {}
    found = check_baseline(context, baselines)
    report_findings(found, context.observer)
    facts: dict[str, Any] = {"preflight": [asdict(finding) for finding in (*remote.findings, *found)]}
    if is_new:
        facts["loopback_control"] = _control(context, placement)
    return facts


def _control(context: RunContext, placement: Placement) -> dict[str, Any]:
    schedule, observer = context.schedule, context.observer

    def announce() -> None:
        observer.on_message(f"measuring a control over loopback, about {LOOPBACK_CONTROL_S:.0f} s ...")

    control = measure_loopback_control(schedule, placement, schedule.longest_timeout_s, announce)
    if control.reason:
        observer.on_message(f"no control over loopback: {control.reason}")
    return asdict(control)

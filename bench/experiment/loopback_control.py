"""A control over loopback on the host of the servers, to see whether load from other machines is noisier.

A server and its control, the same program, take turns for some rounds, as in a block of the run, with the same CPUs and
the same load point. The generator runs on the core that servers do not have. The scatter of the ratio inside
a round is then known over loopback, and the run's own control shows it over the network.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from bench.experiment.block import Block
from bench.experiment.calibration import calibrate, lengths_by_case
from bench.experiment.child_process import ChildError
from bench.experiment.generator_process import local_generator
from bench.experiment.model_catalogue import known_models
from bench.experiment.rate_calibration import rates_by_load
from bench.experiment.run_context import RunContext
from bench.experiment.silent_observer import SilentObserver
from bench.machine.cpu_layout import Placement
from bench.machine.noise_probe import NoiseProbe
from bench.plan.definition import NONE, Plan, PlanError
from bench.plan.matrix import control_model
from bench.plan.schedule import Schedule, ScheduledLoad, resolve
from bench.schema.csv_schema import DISTURBED, SliceRow

ROUNDS = 50


@dataclass(frozen=True, slots=True)
class LoopbackControl:
    """The control over loopback. reason: why there is none. log_ratios: of the control's rate, one for each round."""

    reason: str = ""
    arm: str = ""  # of the control
    scenario: str = ""
    connections: int = 0
    message_bytes: int = 0
    log_ratios: tuple[float, ...] = ()


def measure_loopback_control(
    schedule: Schedule, placement: Placement, longest_request_s: float, announce: Callable[[], None]
) -> LoopbackControl:
    """Measure the control of a run over loopback. Raises nothing: a run does not need it.

    announce: called before something is measured, which takes some seconds.
    """
    plan, load = schedule.plan, _load(schedule)
    if load is None:
        return LoopbackControl("no closed loop of the plan has a control")
    announce()
    small = _plan_of_control(plan, load)
    try:
        of_control = resolve(
            small,
            known_models(small, may_refuse=False),
            server_cpus=placement.server,
            generator_cpus=placement.generator,
            share_core=placement.shares_core,
        )
        with local_generator(placement.generator, longest_request_s) as generator:
            generator.await_ready()
            generator.set_thresholds(plan.thresholds)
            probe = NoiseProbe(placement.generator + placement.server)
            context = RunContext(of_control, generator, probe, SilentObserver())
            calibration = calibrate(context, {small.scenarios[0].protocol: {}})
            rates, lengths = rates_by_load(of_control, calibration.rates), lengths_by_case(calibration.lengths)
            rows = Block(context, 0, {small.scenarios[0].protocol: {}}, rates, lengths).run().slices
    except (ChildError, PlanError) as error:
        return LoopbackControl(str(error))
    arm = next(arm for arm in of_control.arms if arm.control)
    return LoopbackControl(
        arm=arm.name,
        scenario=load.point.scenario,
        connections=load.point.connections,
        message_bytes=load.point.message_bytes,
        log_ratios=tuple(_log_ratios(rows, arm.name, arm.base.name)),
    )


def _load(schedule: Schedule) -> ScheduledLoad | None:
    """Return the first load of a block that is a closed loop of the same clients, and that the control serves."""
    controls = [arm for arm in schedule.arms if arm.control and arm.model not in schedule.external_servers]
    for load in schedule.block_loads:
        first = load.populations[0]
        is_plain = not load.has_populations and not load.scenario.phases and first.lifecycle == "persistent"
        if is_plain and not first.is_open and any(not load.skip_reasons[arm] for arm in controls):
            return load
    return None


def _plan_of_control(plan: Plan, load: ScheduledLoad) -> Plan:
    """Return the plan of the control alone, at one load point, over the first transport that it serves."""
    model, point = control_model(plan), load.point
    transport = next(arm.transport for arm, reason in load.skip_reasons.items() if arm.control and not reason)
    scenario = msgspec.structs.replace(
        load.scenario,
        connections=(point.connections,),
        message_bytes=(point.message_bytes,) if point.message_bytes else None,
        seconds=ROUNDS * load.usual_slice_s,
    )
    return msgspec.structs.replace(
        plan,
        models=(model,),
        external_servers=(),
        transports=(transport,),
        reference=model,
        control=model,
        baseline=NONE,
        pythons={},
        blocks=1,
        target_precision=0.0,
        scenarios=(scenario,),
    )


def _log_ratios(rows: Sequence[SliceRow], arm: str, base: str) -> list[float]:
    """Return the logarithm of the ratio of two arms' rates in each round that counts."""
    rates: dict[int, dict[str, float]] = {}
    for row in rows:
        if row.codes != DISTURBED and row.throughput_rps:
            rates.setdefault(row.round, {})[row.arm] = row.throughput_rps
    return [math.log(of_round[arm] / of_round[base]) for of_round in rates.values() if {arm, base} <= of_round.keys()]

"""Noise of load from other machines beside that of load over loopback, by the controls of a run. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.formatting import format_percent, format_ratio
from bench.schema.arms import Arm
from bench.schema.csv_schema import DISTURBED
from bench.translation import gettext, translate_line

MIN_ROUNDS = 10
_RESAMPLES, _SEED = 2000, 1
_PER_MAD = 1.4826  # the standard deviation of a normal distribution over its median absolute deviation
_MEDIAN_FACTOR = math.sqrt(math.pi / 2)  # the standard error of a median over that of a mean
_Z = 1.96


def network_noise(environment: Mapping[str, Any], slices: pd.DataFrame) -> str:
    """Return one sentence on the noise of the network, with both figures; "" for a run on one machine.

    The two controls are compared as if they had the same number of rounds: each half-width is that of the median of as
    many rounds as the control over loopback has. Some rounds of a busy machine are far off, so the scatter is the
    median absolute deviation. The interval of the ratio of the two scatters is a bootstrap over rounds.
    """
    control = environment.get("loopback_control")
    if not isinstance(control, Mapping):
        return ""
    if control.get("reason"):
        reason = translate_line(str(control["reason"]))
        return gettext("Noise of the network: not compared with loopback ({reason}).", reason=reason)
    loopback = _centred([list(map(float, control.get("log_ratios") or ()))])
    network = _centred(_ratios_of_blocks(control, slices))
    rounds = len(loopback)
    if min(rounds, len(network)) < MIN_ROUNDS:
        return gettext(
            "Noise of the network: not compared with loopback ({network} and {loopback} rounds of the control).",
            network=len(network),
            loopback=rounds,
        )
    return gettext(
        "Noise of the network: a control of {rounds} rounds is known to ±{network} over the network, and to "
        "±{loopback} over loopback; {conclusion}.",
        rounds=rounds,
        network=format_percent(_half_width(network, rounds)),
        loopback=format_percent(_half_width(loopback, rounds)),
        conclusion=_conclusion(network, loopback),
    )


def _ratios_of_blocks(control: Mapping[str, Any], slices: pd.DataFrame) -> list[Sequence[float]]:
    """Return the logarithms of the ratios of the run's own control, at the same load point, for each block."""
    if slices.empty:
        return []
    arm = Arm.parse(str(control["arm"]))
    names = ("scenario", "connections", "message_bytes")
    at_load = np.logical_and.reduce([slices[name] == control[name] for name in names])
    rows = slices[at_load & (slices["codes"] != DISTURBED) & (slices["throughput_rps"] > 0)]
    rates = [rows[rows["arm"] == name].set_index(["block", "round"])["throughput_rps"] for name in _names(arm)]
    ratios = np.log(rates[0] / rates[1]).dropna()
    return [list(of_block) for _, of_block in ratios.groupby(level="block")]


def _names(arm: Arm) -> tuple[str, str]:
    return arm.name, arm.base.name


def _centred(blocks: Sequence[Sequence[float]]) -> np.ndarray[Any, Any]:
    """Return the values without the median of their block: fresh servers differ by more than rounds."""
    parts = [np.asarray(block) - np.median(block) for block in blocks if len(block) > 1]
    return np.concatenate(parts) if parts else np.zeros(0)


def _half_width(values: np.ndarray[Any, Any], rounds: int) -> float:
    """Return the half-width of the 95% interval of a median of rounds, as a share."""
    return math.expm1(_Z * _MEDIAN_FACTOR * _PER_MAD * float(np.median(np.abs(values))) / math.sqrt(rounds))


def _conclusion(network: np.ndarray[Any, Any], loopback: np.ndarray[Any, Any]) -> str:
    random = np.random.default_rng(_SEED)
    scatters = [np.median(np.abs(random.choice(each, (_RESAMPLES, len(each)))), axis=1) for each in (network, loopback)]
    known = scatters[1] > 0
    if not known.any():
        return gettext("nothing can be concluded")
    low, high = np.quantile(scatters[0][known] / scatters[1][known], (0.025, 0.975))
    interval = {"low": format_ratio(float(low)), "high": format_ratio(float(high))}
    if low > 1:
        return gettext("load over the network is noisier, {low} to {high} times", **interval)
    if high < 1:
        return gettext("load over the network is less noisy, {low} to {high} times", **interval)
    return gettext("which is noisier cannot be concluded ({low} to {high} times)", **interval)

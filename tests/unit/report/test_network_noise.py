"""The sentence on the noise of the network, and the rows about what was found before the first block."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.report.network_noise import network_noise
from bench.report.preflight_rows import preflight_rows

ROUNDS = 50


def control(scatter: float, rounds: int = ROUNDS) -> dict[str, Any]:
    ratios = np.random.default_rng(7).normal(0.0, scatter, rounds)
    facts = {"reason": "", "arm": "select/tcp~control", "scenario": "capacity", "connections": 8, "message_bytes": 64}
    return {"loopback_control": facts | {"log_ratios": list(ratios)}}


def slices(scatter: float, blocks: int = 4) -> pd.DataFrame:
    """Return slices of a control. Fresh servers of a block differ by far more than its rounds."""
    random = np.random.default_rng(3)
    rows = []
    for block in range(blocks):
        for number in range(ROUNDS):
            case = {"block": block, "round": number, "scenario": "capacity", "connections": 8, "message_bytes": 64}
            ratio = float(np.exp(block + random.normal(0.0, scatter)))
            rows.append(case | {"arm": "select/tcp", "throughput_rps": 1000.0, "codes": None})
            rows.append(case | {"arm": "select/tcp~control", "throughput_rps": 1000.0 * ratio, "codes": None})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("network", "conclusion"),
    [
        (0.09, "load over the network is noisier"),
        (0.01, "load over the network is less noisy"),
        (0.031, "which is noisier cannot be concluded"),
    ],
)
def test_sentence_states_both_half_widths_and_what_follows(network: float, conclusion: str) -> None:
    sentence = network_noise(control(0.03), slices(network))
    assert sentence.startswith("Noise of the network: a control of 50 rounds is known to ±")
    assert sentence.count("±") == 2
    assert conclusion in sentence


def test_half_width_is_that_of_a_median_of_rounds() -> None:
    sentence = network_noise(control(0.03), slices(0.03, blocks=200))
    assert "known to ±1.0% over the network" in sentence  # 1.96 x 1.2533 x 0.03 / sqrt(50) = 1.04%


def test_disturbed_slices_are_left_out() -> None:
    disturbed = slices(0.03, blocks=1).assign(codes="DISTURBED")
    assert "not compared with loopback (0 and 50 rounds" in network_noise(control(0.03), disturbed)


def test_run_without_a_control_states_the_reason() -> None:
    facts = {"loopback_control": {"reason": "no closed loop of the plan has a control"}}
    assert "(no closed loop of the plan has a control)" in network_noise(facts, pd.DataFrame())
    assert network_noise({}, pd.DataFrame()) == ""


def test_problems_come_first_among_the_rows() -> None:
    good = {"name": "MTU of the path to lab2", "value": "1500 bytes", "state": "note", "why": "w", "remedy": "r"}
    found = preflight_rows({"preflight": [good, {**good, "name": "hosts", "state": "bad"}]})
    assert [row[0] for row in found] == ["hosts (problem)", "MTU of the path to lab2"]
    assert preflight_rows({}) == []

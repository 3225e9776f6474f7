"""The order of a run: everything random follows from the seed of the plan.

The same seed, block, load point and round always give the same order and the same arrivals.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from bench.plan.definition import Plan
from bench.plan.scenario import Scenario
from bench.schema.load_points import LoadPoint

if TYPE_CHECKING:  # takes a tenth of a second to import, and the preview of a plan needs no order
    import numpy as np

BASELINE_EVERY = 3  # rounds


def slice_s(plan: Plan, scenario: Scenario) -> float:
    """Return the length of a slice of a scenario, as the plan sets it."""
    return scenario.slice_s or plan.slice_s


def round_count(plan: Plan, scenario: Scenario) -> int:
    """Return the number of rounds of each load point in a block. All phases of a scenario are one slice."""
    return 1 if scenario.phases else max(1, round(scenario.load_seconds / slice_s(plan, scenario)))


def takes_part(counted_rounds: int, interval: int, *, is_baseline: bool) -> bool:
    """Return whether an arm has a slice in the next round.

    The baseline competes with no arm, so a slice in one of three rounds is enough. interval: k for a slow arm,
    which has a slice in every k-th round; 1 for others.
    """
    return counted_rounds % max(interval, BASELINE_EVERY if is_baseline else 1) == 0


def block_order(seed: int, block: int, scenarios: int) -> list[int]:
    """Return the positions of the plan's scenarios in the order of a block."""
    return [int(position) for position in _random([seed, block]).permutation(scenarios)]


def round_order(
    seed: int, block: int, scenario: int, point: LoadPoint, number: int, transports: Sequence[str]
) -> list[int]:
    """Return the order of a round, as positions in ``transports``.

    Arms of one transport follow each other because they are compared: the machine's speed has less time to drift.
    scenario: its position in the plan. number: of the round. transports: of each arm.
    """
    random = _random([seed, block, scenario, point.connections, point.message_bytes, number])
    order: list[int] = []
    for transport in random.permutation(sorted(set(transports))):
        order += random.permutation([k for k, name in enumerate(transports) if name == transport]).tolist()
    return order


@lru_cache(maxsize=16)  # each arm of a round asks for it, between two slices
def arrival_seed(seed: int, block: int, scenario: int, point: LoadPoint, number: int) -> int:
    """Return the seed of the arrivals of a round.

    Every arm gets the same requests at the same distances.
    """
    entropy = [seed, block, scenario, point.connections, point.message_bytes, number, 1]
    return int(_random(entropy).bit_generator.seed_seq.generate_state(1)[0])


def _random(entropy: Sequence[int]) -> "np.random.Generator":
    import numpy as np

    return np.random.default_rng(entropy)

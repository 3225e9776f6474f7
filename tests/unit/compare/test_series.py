import math
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.compare.change_points import change_points
from bench.compare.series import Series, series
from tests.support import synthetic

SERIES = 300  # of pure noise
MOST_FALSE = 10  # binomial(300, .016) exceeds it in 1 % of cases; 1.6 % is the worst that was measured


def noise(kind: str, runs: int, count: int = SERIES) -> NDArray[np.float64]:
    random = np.random.default_rng(runs)
    if kind == "gauss":
        return random.normal(size=(count, runs))
    return random.standard_t(4, size=(count, runs)) / math.sqrt(2)


def one_series(medians: tuple[float, ...], verdicts: tuple[str, ...], arm: str = "select/tcp") -> Series:
    names, places = tuple(map(str, medians)), tuple(range(len(medians)))
    return Series(arm, "capacity", "throughput_rps", places, names, medians, medians, medians, verdicts)


@pytest.mark.parametrize("kind", ["gauss", "t4"])
@pytest.mark.parametrize("runs", [4, 6, 10, 15, 30])
def test_noise_alone_is_hardly_ever_called_a_change(kind: str, runs: int) -> None:
    false = sum(bool(change_points(np.exp(0.02 * one).tolist())) for one in noise(kind, runs))
    assert false <= MOST_FALSE


@pytest.mark.parametrize(
    ("runs", "behind", "least"), [(7, 2, 0.95), (10, 1, 0.9), (10, 5, 0.97), (20, 1, 0.9), (20, 10, 0.98)]
)
def test_a_step_of_ten_times_the_noise_is_found_at_its_place(runs: int, behind: int, least: float) -> None:
    step = np.where(np.arange(runs) >= runs - behind, math.log(1.1), 0.0)
    found = [change_points(np.exp(0.01 * one + step).tolist()) for one in noise("gauss", runs, 100)]
    assert found.count([runs - behind]) >= 100 * least


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.1, 10.2, 9.98, 10.3, 30.3], [4]),  # the newest run
        ([10.1, 10.2, 9.98, 10.3, 30.3, 31.3, 30.8, 29.7], [4]),
        ([10.0, 10.1, 9.9, 10.0, 20.0, 20.2, 19.9, 10.1, 10.0, 9.9], [4, 7]),  # and back
        ([10.0, 10.1, 9.9, 10.0, 20.0, 10.1, 10.0, 9.9, 10.1], []),  # one run alone is no level
        ([10.0, 10.1, 9.9, 10.0, 20.0, 10.1, 10.0, 9.9, 30.0, 30.1, 29.8, 30.3], [8]),
        ([11.0, 11.0, 11.0, 11.0], []),
        ([11.0, 11.0, 11.0, 22.0, 22.0], [3]),
        ([1.0, 1.0, 2.0], []),  # too few to say
        ([10.0, 10.0, 10.0, 0.0], []),
    ],
)
def test_the_first_run_of_each_new_level_is_what_is_found(values: list[float], expected: list[int]) -> None:
    assert change_points(values) == expected


def test_a_step_that_the_runs_own_intervals_cover_is_none() -> None:
    values = [10.0, 10.1, 9.9, 10.0, 12.0, 12.1, 11.9, 12.0]
    wide = [0.7 * value for value in values], [1.4 * value for value in values]
    narrow = [0.99 * value for value in values], [1.01 * value for value in values]
    unknown = [math.nan] * len(values), [math.inf] * len(values)
    assert change_points(values, *wide) == []
    assert change_points(values, *narrow) == [4]
    assert change_points(values, *unknown) == [4]


def test_invalid_figures_make_no_change() -> None:
    medians = (10.0, 50.0, 10.1, 9.9, 10.0, 20.0, 20.1, 20.2)
    verdicts = ("valid", "invalid", "valid", "valid", "suspect", "valid", "valid", "valid")
    found = one_series(medians, verdicts)
    assert found.sound == [0, 2, 3, 4, 5, 6, 7]
    assert found.changes == [5]
    assert one_series(medians, ("invalid",) * 8).changes == []


def test_a_change_that_the_machine_has_too_is_told() -> None:
    medians = (10.0, 10.1, 9.9, 10.0, 20.0, 20.1, 20.2, 20.0)
    select = one_series(medians, ("valid",) * 8)
    moved = one_series(medians, ("valid",) * 8, "native/tcp")
    steady = one_series((10.0, 10.1) * 4, ("valid",) * 8, "native/tcp")
    assert select.changes == [4]
    assert select.machine([select, moved]) == {4}
    assert select.machine([select, steady]) == set()
    assert moved.machine([select, moved]) == set()


def made(path: Path, written_s: float) -> Path:
    """The folder of a small run, whose plan was written at that time."""
    path.mkdir(parents=True)
    rates = {f"asyncio/{over}": {16: 3e4} for over in ("tcp", "udp", "tcp~control", "udp~control")}
    synthetic.write(synthetic.run(rates, blocks=2, rounds=2), path)
    os.utime(path / "plan.toml", (written_s, written_s))
    return path


def test_runs_stand_in_the_order_of_their_times_under_names_that_tell_them_apart(tmp_path: Path) -> None:
    midst_s = 1_790_000_000.0  # September 2026
    folders = [
        made(tmp_path / "20261122T073100Z-standard", 0.0),  # its name tells, not when it was copied
        made(tmp_path / "reference", midst_s),
        made(tmp_path / "b" / "run", midst_s - 2),
        made(tmp_path / "a" / "run", midst_s - 1),
        made(tmp_path / "20260101T000000Z-standard", midst_s),
    ]
    found, *_ = series([*folders, folders[1]], "throughput_rps")
    assert found.runs == ("20260101T000000Z-standard", "b/run", "a/run", "reference", "20261122T073100Z-standard")
    assert found.places == (0, 1, 2, 3, 4)

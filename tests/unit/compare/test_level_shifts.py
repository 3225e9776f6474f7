import pytest

from bench.compare.level_shifts import group_shifts, level_shifts
from bench.compare.series import Point, Series
from bench.schema.load_points import LoadPoint

QUIET = (10.0, 10.1, 9.9, 10.0, 10.0, 10.1, 9.9, 10.0)


def make_series(arm: str, medians: tuple[float, ...], connections: int = 16) -> Series:
    points = [
        Point(position, f"run {position}", median, median, median, "valid") for position, median in enumerate(medians)
    ]
    return Series(arm, LoadPoint("capacity", connections, 64), "throughput_rps", tuple(points))


def make_step(arm: str, ratio: float, connections: int = 16) -> Series:
    """Return a series whose level changes at its fifth point."""
    return make_series(arm, (*QUIET[:4], *(ratio * median for median in QUIET[4:])), connections)


def test_shift_has_the_ratio_of_the_medians_of_both_levels() -> None:
    (shift,) = level_shifts([make_step("select/tcp", 0.5), make_series("asyncio/tcp", QUIET)])
    assert (shift.series.arm, shift.point.run, shift.with_machine) == ("select/tcp", "run 4", False)
    assert shift.ratio == pytest.approx(0.5)


def test_shift_with_the_baseline_is_marked() -> None:
    shifts = level_shifts([make_step("select/tcp", 0.5), make_step("native/tcp", 0.5)])
    assert {shift.series.arm: shift.with_machine for shift in shifts} == {"select/tcp": True, "native/tcp": False}
    (group,) = group_shifts(shifts)
    assert str(group).endswith("; native changed, too, in 1 of them")


def test_shifts_in_one_run_are_one_line() -> None:
    series = [make_step("select/tcp", 0.5, connections) for connections in (1, 16, 64, 256)]
    (group,) = group_shifts(level_shifts(series))
    assert str(group) == "from run 4 on: requests/s 50% lower in 4 cases"


def test_few_shifts_name_their_servers_and_loads() -> None:
    (group,) = group_shifts(level_shifts([make_step("select/tcp", 2.0)]))
    expected = "from run 4 on: requests/s 100% higher for select/tcp (capacity, 16 connections, 64 bytes)"
    assert str(group) == expected


def test_series_without_a_sound_point_has_no_shifts() -> None:
    assert level_shifts([make_series("select/tcp", (float("nan"), 0.0))]) == []


def test_small_shifts_are_left_out() -> None:
    shifts = level_shifts([make_step("select/tcp", 0.8)])
    assert len(shifts) == 1
    assert group_shifts(shifts, threshold=0.3) == []

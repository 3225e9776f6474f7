import math
from dataclasses import replace

from bench.compare.changes import Change
from bench.compare.digest import MIN_ALIKE, make_digest


def make_change(arm: str, ratio: float, metric: str = "memory_mb", conclusion: str = "slower") -> Change:
    """Return a change with an interval of 2% in both directions."""
    return Change(
        arm=f"{arm}/tcp",
        scenario="capacity",
        connections=16,
        message_bytes=64,
        metric=metric,
        before=10.0,
        now=10.0 * ratio,
        ratio=ratio,
        low=0.98 * ratio,
        high=1.02 * ratio,
        conclusion=conclusion,
        verdict="valid",
    )


def test_small_changes_are_counted_by_metric_and_direction() -> None:
    changes = [make_change(f"m{number}", 0.97 + 0.001 * number, conclusion="faster") for number in range(10)]
    digest = make_digest([*changes, make_change("select", 1.2)], threshold=0.05)
    assert [change.arm for change in digest.listed] == ["select/tcp"]
    assert (len(digest.large), digest.small_count) == (1, 10)
    assert [str(movement) for movement in digest.small] == ["memory 2.1% to 3.0% less in 10 cases"]


def test_changes_that_moved_alike_are_one_movement_without_outliers() -> None:
    alike = [make_change(f"m{number}", 0.80 + 0.001 * number, "throughput_rps") for number in range(MIN_ALIKE)]
    digest = make_digest([*alike, make_change("select", 0.5, "throughput_rps")])
    assert [change.arm for change in digest.listed] == ["select/tcp"]
    assert [str(movement) for movement in digest.alike] == [f"requests/s 20% lower in {MIN_ALIKE} cases"]


def test_movement_of_one_server_names_it() -> None:
    digest = make_digest([make_change("select", 0.8, "throughput_rps") for _ in range(MIN_ALIKE)])
    assert [str(movement) for movement in digest.alike] == [f"requests/s of select/tcp 20% lower in {MIN_ALIKE} cases"]


def test_few_changes_are_listed_even_if_alike() -> None:
    digest = make_digest([make_change("select", 0.8) for _ in range(MIN_ALIKE - 1)])
    assert len(digest.listed) == MIN_ALIKE - 1
    assert not digest.alike


def test_only_differences_are_in_the_digest() -> None:
    digest = make_digest(
        [
            make_change("select", 1.5, conclusion="inconclusive"),
            make_change("poll", math.nan, conclusion="inconclusive"),
        ]
    )
    assert (len(digest.large), digest.small_count) == (0, 0)


def test_largest_change_is_the_one_that_certainly_changed_most() -> None:
    wide = replace(make_change("asyncio", 3.0), low=1.05)
    certain = [make_change("select", 1.5), make_change("select", 1.6)]
    digest = make_digest([wide, *certain])
    assert str(digest.largest) == "memory of select/tcp 50% to 60% more in 2 cases"
    assert make_digest([make_change("select", 1.01)]).largest is None

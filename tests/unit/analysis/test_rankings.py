import pytest

from bench.analysis.rankings import in_words, ranks


def row(arm: str, reference: str, conclusion: str, **changes: object) -> dict[str, object]:
    common = {
        "kind": "pair",
        "scenario": "capacity",
        "scenario_kind": "capacity",
        "metric": "throughput_rps",
        "verdict": "valid",
    }
    return common | {"arm": arm, "reference": reference, "conclusion": conclusion} | changes


TOLD_APART = [
    row("a/tcp", "r/tcp", "faster", kind="reference"),
    row("b/tcp", "r/tcp", "inconclusive", kind="reference"),
    row("c/tcp", "r/tcp", "slower", kind="reference"),
    row("a/tcp", "b/tcp", "equivalent"),
    row("a/tcp", "c/tcp", "faster"),
    row("b/tcp", "c/tcp", "faster"),
]


def test_an_arm_has_the_places_that_the_comparisons_leave_it() -> None:
    assert ranks(TOLD_APART) == {"a/tcp": (1, 2), "b/tcp": (1, 3), "r/tcp": (2, 3), "c/tcp": (4, 4)}


@pytest.mark.parametrize("changes", [{"kind": "control"}, {"kind": "udp-vs-tcp"}, {"metric": "cpu_us_per_request"}])
def test_only_pairs_of_a_transport_in_what_is_asked_for_rank(changes: dict[str, object]) -> None:
    assert ranks([row("a/tcp", "b/tcp", "faster", **changes)]) == {}


def test_models_that_do_not_compete_take_no_place() -> None:
    assert ranks(TOLD_APART, ["a"]) == {"b/tcp": (1, 2), "r/tcp": (1, 2), "c/tcp": (3, 3)}


def test_what_is_invalid_has_no_rank() -> None:
    rows = [one | {"verdict": "invalid"} if "b/tcp" in (one["arm"], one["reference"]) else one for one in TOLD_APART]
    assert ranks(rows) == {"a/tcp": (1, 1), "r/tcp": (2, 2), "c/tcp": (3, 3)}


def test_where_nothing_was_told_apart_all_share_all_places() -> None:
    tied = [
        row("a/tcp", "b/tcp", "inconclusive"),
        row("a/tcp", "c/tcp", "inconclusive"),
        row("b/tcp", "c/tcp", "inconclusive"),
    ]
    assert set(ranks(tied).values()) == {(1, 3)}


def test_places_are_told_as_a_range() -> None:
    assert [in_words(places) for places in ((2, 2), (2, 4), None)] == ["2", "2-4", "-"]

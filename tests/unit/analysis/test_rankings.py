import pandas as pd
import pytest

from bench.analysis.rankings import best_first, format_rank, ranks, unranked_models


def make_row(arm: str, reference: str, conclusion: str, **changes: object) -> dict[str, object]:
    common = {
        "kind": "pair",
        "scenario": "capacity",
        "scenario_kind": "capacity",
        "metric": "throughput_rps",
        "verdict": "valid",
        "blocks": 6,
    }
    return common | {"arm": arm, "reference": reference, "conclusion": conclusion} | changes


COMPARISONS = [
    make_row("a/tcp", "r/tcp", "faster", kind="reference"),
    make_row("b/tcp", "r/tcp", "inconclusive", kind="reference"),
    make_row("c/tcp", "r/tcp", "slower", kind="reference"),
    make_row("a/tcp", "b/tcp", "equivalent"),
    make_row("a/tcp", "c/tcp", "faster"),
    make_row("b/tcp", "c/tcp", "faster"),
]


def test_ranks_are_the_places_that_comparisons_allow() -> None:
    assert ranks(COMPARISONS) == {"a/tcp": (1, 2), "b/tcp": (1, 3), "r/tcp": (2, 3), "c/tcp": (4, 4)}


@pytest.mark.parametrize("changes", [{"kind": "control"}, {"kind": "transports"}, {"metric": "cpu_us_per_request"}])
def test_ranks_ignore_other_kinds_and_metrics(changes: dict[str, object]) -> None:
    assert ranks([make_row("a/tcp", "b/tcp", "faster", **changes)]) == {}


def test_ranks_leave_out_unranked_models() -> None:
    assert ranks(COMPARISONS, ["a"]) == {"b/tcp": (1, 2), "r/tcp": (1, 2), "c/tcp": (3, 3)}


def test_ranks_leave_out_invalid_numbers() -> None:
    rows = [row | {"verdict": "invalid"} if "b/tcp" in (row["arm"], row["reference"]) else row for row in COMPARISONS]
    assert ranks(rows) == {"a/tcp": (1, 1), "r/tcp": (2, 2), "c/tcp": (3, 3)}


def test_ranks_of_inconclusive_comparisons_are_shared() -> None:
    tied = [
        make_row("a/tcp", "b/tcp", "inconclusive"),
        make_row("a/tcp", "c/tcp", "inconclusive"),
        make_row("b/tcp", "c/tcp", "inconclusive"),
    ]
    assert set(ranks(tied).values()) == {(1, 3)}


def test_best_first_follows_costs_but_never_contradicts_a_conclusion() -> None:
    costs = {"a/tcp": 4.0, "b/tcp": 1.0, "r/tcp": 3.0, "c/tcp": 2.0}
    # By costs alone: b, c, r, a. But a is better than r and c, and r is better than c.
    assert best_first(COMPARISONS, costs) == ["b/tcp", "a/tcp", "r/tcp", "c/tcp"]
    assert best_first(COMPARISONS, costs, ["a"]) == ["b/tcp", "r/tcp", "c/tcp"]


def test_best_first_of_a_circle_follows_costs() -> None:
    circle = [
        make_row("a/tcp", "b/tcp", "faster"),
        make_row("b/tcp", "c/tcp", "faster"),
        make_row("a/tcp", "c/tcp", "slower"),
    ]
    assert best_first(circle, {"a/tcp": 3.0, "b/tcp": 1.0, "c/tcp": 2.0}) == ["b/tcp", "c/tcp", "a/tcp"]


def test_rank_is_formatted_as_range() -> None:
    assert [format_rank(places) for places in ((2, 2), (2, 4), None)] == ["2", "2-4", "-"]


def test_unranked_models_are_those_with_workers_on_one_cpu() -> None:
    trials = pd.DataFrame(
        [
            {"model": "select", "workers": 1, "server_cpus": "1"},
            {"model": "multiprocessing", "workers": 2, "server_cpus": "1"},
            {"model": "prefork_asyncio", "workers": 2, "server_cpus": "1,2"},
        ]
    )
    assert unranked_models(trials) == ["multiprocessing"]
    assert unranked_models(pd.DataFrame()) == []


def test_ranks_leave_out_pairs_that_no_block_measured() -> None:
    missing = [make_row(arm, "r/tcp", "inconclusive", kind="reference", blocks=0) for arm in ("a/tcp", "b/tcp")]
    assert ranks(missing) == {}
    assert ranks([*missing, make_row("a/tcp", "b/tcp", "faster")]) == {"a/tcp": (1, 1), "b/tcp": (2, 2)}

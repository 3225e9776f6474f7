from typing import Any

import pandas as pd

from bench.report.phase_sentences import recovering_loads


def make_table(blocks_of_loads: dict[str, dict[float, int]], retries: int = 1) -> pd.DataFrame:
    """Return the table of a run with three blocks. blocks_of_loads: blocks that recovered, by load and arm."""
    rows = [
        {"arm": arm, "load_share": load, "recovered_blocks": recovered}
        for arm, of_arm in blocks_of_loads.items()
        for load, recovered in of_arm.items()
    ]
    common: dict[str, Any] = {
        "transport": "tcp",
        "retries": retries,
        "timeout_s": 0.2,
        "overload_share": 1.5,
        "overload_s": 0.8,
    }
    return pd.DataFrame(rows).assign(**common, blocks=3, predicted_share=1 / (1 + retries))


def test_sentence_has_the_prediction_and_the_blocks_of_both_ends() -> None:
    table = make_table(
        {
            "asyncio/tcp": {0.2: 3, 0.4: 2, 0.6: 0},
            "select/tcp": {0.2: 1, 0.4: 0, 0.6: 0},
            "epoll/tcp": {0.2: 3, 0.4: 3, 0.6: 3},
        }
    )
    (sentence,) = recovering_loads(table)
    assert sentence == (
        "Highest load from which a server recovers by itself, as a share of its capacity, with clients that send a "
        "request again once, after 0.2 s each (predicted: below 0.5): asyncio 0.4 (in 2 of 3 blocks), not 0.6 (in 0 of "
        "3); epoll 0.6 (in 3 of 3 blocks), the highest that was measured; select none, not 0.2 (in 1 of 3)."
    )


def test_retries_are_in_words() -> None:
    (sentence,) = recovering_loads(make_table({"asyncio/tcp": {0.1: 3, 0.2: 0}}, retries=3))
    assert "again up to 3 times, after 0.2 s each (predicted: below 0.25)" in sentence


def test_run_without_overloads_has_no_such_sentence() -> None:
    assert recovering_loads(None) == []
    assert recovering_loads(make_table({"asyncio/tcp": {0.2: 3}})) == []

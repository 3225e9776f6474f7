import multiprocessing

import pandas as pd
import pytest

from bench.report.shared_tables import SharedTables, TablesAddress, load_tables

TABLES = {
    "numbers": pd.DataFrame({"count": [1, 2, 3], "ratio": [0.5, float("nan"), 2.0]}),
    "texts": pd.DataFrame({"arm": ["select/tcp", "asyncio/udp"], "rate_rps": pd.Categorical([10.0, 20.0])}),
    "nothing": pd.DataFrame({"count": pd.Series([], dtype=float)}),
}


def assert_loads(address: TablesAddress) -> None:
    """Check that this process gets the tables as they were shared."""
    loaded = load_tables(address)
    assert loaded.keys() == TABLES.keys()
    for name, table in TABLES.items():
        pd.testing.assert_frame_equal(loaded[name], table)


def test_shared_tables_are_equal_in_another_process() -> None:
    shared = SharedTables(TABLES)
    process = multiprocessing.get_context("spawn").Process(target=assert_loads, args=(shared.address,))
    process.start()
    process.join()
    shared.close()
    assert process.exitcode == 0


def test_shared_tables_are_mapped_and_not_copied() -> None:
    shared = SharedTables({"counts": pd.DataFrame({"count": range(1000)})})
    loaded = load_tables(shared.address)
    shared.close()
    assert not loaded["counts"]["count"].to_numpy().flags.writeable
    assert int(loaded["counts"]["count"].sum()) == 499500


def test_closed_tables_cannot_be_loaded() -> None:
    shared = SharedTables(TABLES)
    shared.close()
    with pytest.raises(OSError, match="No such file"):
        load_tables(shared.address)

import pandas as pd

from bench.analysis.server_settings import SERVER_SETTINGS, server_settings, unequal_settings
from bench.schema.csv_schema import TrialRow
from tests.support import synthetic

ARMS = ("select/tcp", "asyncio/tcp", "asyncio/udp", "broken/tcp")


def make_trials(backlog: int | None = None) -> pd.DataFrame:
    """Return one trial for each arm. The last arm failed."""
    rows = [
        synthetic.make_trial(0, arm, 16, "capacity", status="failed" if "broken" in arm else "ok", backlog=backlog)
        for arm in ARMS
    ]
    return synthetic.read_back(rows, TrialRow)


def test_server_settings_have_one_row_per_measured_arm() -> None:
    rows = server_settings(make_trials(backlog=100))
    assert [row[0] for row in rows] == ["asyncio/tcp", "select/tcp", "asyncio/udp"]
    assert dict(zip(SERVER_SETTINGS, rows[0][1:], strict=True))["backlog"] == "100"
    assert rows[0][-1] == "-"


def test_unequal_settings_name_transport_and_values() -> None:
    trials = make_trials(backlog=100)
    assert unequal_settings(trials) == ""
    trials.loc[trials["arm"] == "select/tcp", "backlog"] = 1024
    assert unequal_settings(trials) == "backlog over tcp (100, 1024)"


def test_unequal_settings_ignore_number_of_workers() -> None:
    trials = make_trials()
    trials.loc[trials["arm"] == "select/tcp", "workers"] = 8
    assert unequal_settings(trials) == ""

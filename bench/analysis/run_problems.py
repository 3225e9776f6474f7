"""The problems that make a run exit with code 3: invalid headline numbers, and arms that were never measured. Pure."""

import pandas as pd

from bench.schema.arms import Arm
from bench.schema.metrics import headline
from clients.quality_codes import INVALID


def problems(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return one line for each kind of problem, with the arms that have it; an empty list for a sound run."""
    lines = {
        "the numbers of {} are invalid": invalid_headlines(summary),
        "{} could not be measured in any block": never_measured(trials, summary),
    }
    return [line.format(", ".join(arms)) for line, arms in lines.items() if arms]


def invalid_headlines(summary: pd.DataFrame) -> list[str]:
    """Return the competing arms whose headline metric is invalid, each with its scenario."""
    invalid = summary[summary["verdict"] == INVALID].to_dict("records")
    arms = [
        f"{row['arm']} ({row['scenario']})"
        for row in invalid
        if row["metric"] == headline(str(row["scenario_kind"])) and Arm.parse(row["arm"]).competes
    ]
    return list(dict.fromkeys(arms))


def never_measured(trials: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """Return the competing arms that failed in every block of a load point, or in a search. Skipped is not failed."""
    competing = trials[trials["arm"].map(lambda arm: Arm.parse(arm).competes).astype(bool)]
    failed = competing["status"].eq("failed")
    cases = failed.groupby([competing[name] for name in ("arm", "scenario", "connections", "message_bytes")]).all()
    is_failed_search = summary["metric"].eq("max_rate_rps") & summary["status"].eq("failed")
    searches = summary[is_failed_search & summary["median"].isna()]
    arms = [*cases.index[cases], *zip(searches["arm"], searches["scenario"], strict=True)]
    return list(dict.fromkeys(f"{arm} ({scenario})" for arm, scenario, *_ in arms))

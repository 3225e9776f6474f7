"""The problems that make a run exit with code 3. Pure.

A run has a problem if headline numbers are invalid, if arms were never measured, or if everything was skipped.
"""

import pandas as pd

from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import headline
from bench.translation import gettext, translate_line
from clients.quality_codes import INVALID


def problems(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return one line for each kind of problem; an empty list for a sound run.

    Each line names the arms that have the problem.
    """
    lines = {
        gettext("the numbers of {} are invalid"): invalid_headlines(summary),
        gettext("{} could not be measured in any block"): never_measured(trials, summary),
    }
    reason = reason_of_skipping_all(trials, summary)
    unmeasured = [gettext("nothing was measured: {reason}", reason=reason)] if reason else []
    return unmeasured + [line.format(", ".join(arms)) for line, arms in lines.items() if arms]


def reason_of_skipping_all(trials: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return why every case was skipped, with one reason as an example; "" if a case was not.

    Only a search has rows of the summary that are not in the trials.
    """
    rows = pd.concat([table[["arm", "status", "reason"]] for table in (trials, summary)])
    competing = rows[rows["arm"].map(lambda arm: Arm.parse(arm).competes).astype(bool)]
    if competing.empty or not competing["status"].eq("skipped").all():
        return ""
    return gettext(
        "every case was skipped, e.g. {arm}: {reason}",
        arm=competing["arm"].iloc[0],
        reason=translate_line(competing["reason"].iloc[0]),
    )


def invalid_headlines(summary: pd.DataFrame) -> list[str]:
    """Return the competing arms with an invalid headline metric, and its scenario."""
    invalid = summary[summary["verdict"] == INVALID].to_dict("records")
    arms = [
        f"{row['arm']} ({row['scenario']})"
        for row in invalid
        if row["metric"] == headline(str(row["scenario_kind"])) and Arm.parse(row["arm"]).competes
    ]
    return list(dict.fromkeys(arms))


def never_measured(trials: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """Return the competing arms that failed in a whole load point or search.

    A load point counts if the arm failed in all of its blocks. Skipped arms did not fail.
    """
    competing = trials[trials["arm"].map(lambda arm: Arm.parse(arm).competes).astype(bool)]
    failed = competing["status"].eq("failed")
    cases = failed.groupby([competing[name] for name in ("arm", *LoadPoint.PLANNED_COLUMNS)]).all()
    is_failed_search = summary["metric"].eq("max_rate_rps") & summary["status"].eq("failed")
    searches = summary[is_failed_search & summary["median"].isna()]
    arms = [*cases.index[cases], *zip(searches["arm"], searches["scenario"], strict=True)]
    return list(dict.fromkeys(f"{arm} ({scenario})" for arm, scenario, *_ in arms))

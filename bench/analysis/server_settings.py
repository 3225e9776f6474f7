"""Equal conditions, as read back from the servers: what each arm had, and what differs between arms."""

from typing import Any

import pandas as pd

from bench.schema.arms import Arm

SERVER_SETTINGS = ("python", "workers", "server_cpus", "backlog", "nodelay", "rcvbuf", "sndbuf")


def server_settings(trials: pd.DataFrame) -> list[list[str]]:
    """What each arm's server had, as read back: a row for each arm, without those that were never up."""
    rows = _known_conditions(trials)
    return [[arm, *(_condition(values[name]) for name in SERVER_SETTINGS)] for arm, values in rows.items()]


def unequal(trials: pd.DataFrame) -> str:
    """What differs between the arms of a transport; workers apart, whose number is the model's own."""
    rows = _known_conditions(trials)
    found = []
    for over in sorted({Arm.parse(arm).transport for arm in rows}):
        for name in SERVER_SETTINGS:
            values = {_condition(values[name]) for arm, values in rows.items() if Arm.parse(arm).transport == over}
            if name != "workers" and len(values) > 1:
                found.append(f"{name} over {over} ({', '.join(sorted(values))})")
    return "; ".join(found)


def _known_conditions(trials: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    if trials.empty or "rcvbuf" not in trials:
        return {}
    rows = trials[trials["status"] == "ok"].drop_duplicates("arm").to_dict("records")
    return {
        str(row["arm"]): row for row in sorted(rows, key=lambda row: (Arm.parse(row["arm"]).transport, str(row["arm"])))
    }


def _condition(value: object) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)

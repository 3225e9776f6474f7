"""The settings of each arm's server, as read back, and their differences. Pure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.schema.arms import Arm
from bench.translation import gettext

SERVER_SETTINGS = ("python", "workers", "server_cpus", "backlog", "nodelay", "rcvbuf", "sndbuf")


def server_settings(trials: pd.DataFrame) -> list[list[str]]:
    """Return a row for each measured arm: its name, then ``SERVER_SETTINGS``."""
    rows = _first_rows(trials)
    return [[arm, *(_format_setting(row[name]) for name in SERVER_SETTINGS)] for arm, row in rows.items()]


def unequal_settings(trials: pd.DataFrame) -> str:
    """Describe the settings that differ between arms of one transport; or return "".

    The number of workers is not compared: it belongs to the model.
    """
    rows = _first_rows(trials)
    differences = []
    for transport in sorted({Arm.parse(arm).transport for arm in rows}):
        of_transport = [row for arm, row in rows.items() if Arm.parse(arm).transport == transport]
        for name in SERVER_SETTINGS:
            values = sorted({_format_setting(row[name]) for row in of_transport})
            if name != "workers" and len(values) > 1:
                differences.append(
                    gettext(
                        "{name} over {transport} ({values})", name=name, transport=transport, values=", ".join(values)
                    )
                )
    return "; ".join(differences)


def _first_rows(trials: pd.DataFrame) -> dict[str, Mapping[Any, Any]]:
    """Return the first finished trial of each arm, sorted by transport and name."""
    if trials.empty or "rcvbuf" not in trials:
        return {}
    rows = trials[trials["status"] == "ok"].drop_duplicates("arm").to_dict("records")
    return {str(row["arm"]): row for row in sorted(rows, key=lambda row: (Arm.parse(row["arm"]).transport, row["arm"]))}


def _format_setting(value: object) -> str:
    if value is None or value != value:
        return "-"
    if isinstance(value, float):  # pandas reads a column of integers with gaps as floats
        return str(int(value)) if value.is_integer() else f"{value:g}"
    return str(value)

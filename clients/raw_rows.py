"""The raw rows of one slice as a caller of the worker gets them."""

from clients.engine.raw_memory import Array
from clients.engine.records import OUTCOME_OK


def answered_rows(raw: Array, start_ns: int, end_ns: int) -> list[list[int]]:
    """Return connection, sent_ns and received_ns of each correct reply that arrived in a window, by time of arrival.

    raw: RAW. Times count from the start of the window; a request may have been sent before it.
    """
    rows = raw[(raw["outcome"] == OUTCOME_OK) & (raw["received_ns"] >= start_ns) & (raw["received_ns"] <= end_ns)]
    rows = rows[rows["received_ns"].argsort(kind="stable")]
    columns = (rows["connection"], rows["sent_ns"] - start_ns, rows["received_ns"] - start_ns)
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]

"""Histograms as rows for each slot, from the compact rows of histograms and of latency windows. Pure."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pandas takes half a second to import
    import numpy as np
    import pandas as pd

    Integers = np.ndarray[tuple[int], np.dtype[np.int64]]

_NO_LATENCY_NS = float("inf")
_DIGITS_BITS = 8  # two digits: 256 values of each power of two, see clients.histogram.coarse


class HistogramError(ValueError):
    """The lists of a histogram do not match. The message names its line in the file."""


def one_row_per_slot(histograms: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with a row for each used slot: lower_ns, upper_ns and count replace the two lists.

    Texts become categories and integers as short as possible: a thorough run has millions of slots, and plain columns
    would take ten times the memory. Raises HistogramError.
    """
    import numpy as np
    import pandas as pd

    lists = _all_lists(histograms)
    factors = histograms.drop(columns=["upper_ns", "counts"])
    for column in factors:
        is_number = pd.api.types.is_numeric_dtype(factors[column])
        short = pd.to_numeric(factors[column], downcast="integer") if is_number else factors[column].astype("category")
        factors[column] = short
    slots = factors.take(np.repeat(np.arange(len(lists)), [len(upper) for upper, _ in lists])).reset_index(drop=True)
    upper_ns = _joined([upper for upper, _ in lists])
    counts = _joined([count for _, count in lists])
    return slots.assign(lower_ns=_lowest_ns(upper_ns), upper_ns=upper_ns, count=counts)


def one_row_per_bucket(windows: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with a row for each used bucket: upper_ns and count replace the two lists and never_answered.

    The requests of a window that were never answered have a row with infinite upper_ns. A window without requests has
    no row. Raises HistogramError.
    """
    import numpy as np

    lists = _all_lists(windows)
    factors = windows.drop(columns=["upper_ns", "counts", "never_answered"])
    never_answered = windows["never_answered"].to_numpy()
    further = (never_answered > 0).astype(int)  # rows of a window
    sizes = [len(upper) + more for (upper, _), more in zip(lists, further, strict=True)]
    buckets = factors.take(np.repeat(np.arange(len(lists)), sizes)).reset_index(drop=True)
    uppers, counts = [np.empty(0)], [np.empty(0, np.int64)]
    for (upper, count), never, more in zip(lists, never_answered, further, strict=True):
        uppers += [upper.astype(float), np.full(more, _NO_LATENCY_NS)]
        counts += [count, np.full(more, never, np.int64)]
    return buckets.assign(upper_ns=np.concatenate(uppers), count=np.concatenate(counts))


def _all_lists(histograms: "pd.DataFrame") -> "list[tuple[Integers, Integers]]":
    """Return the lists of all histograms, in ascending order. Raises HistogramError."""
    cells = zip(histograms["upper_ns"], histograms["counts"], strict=True)
    return [_lists(row, upper, counts) for row, (upper, counts) in enumerate(cells)]


def _lists(row: int, upper_cell: str, counts_cell: str) -> "tuple[Integers, Integers]":
    """Return the lists of one histogram, in ascending order. row: from 0. Raises HistogramError."""
    import numpy as np

    try:
        upper = np.array(list(map(int, upper_cell.split())), np.int64)
        counts = np.array(list(map(int, counts_cell.split())), np.int64)
    except (ValueError, OverflowError) as error:
        raise HistogramError(f"has no list of whole numbers in line {row + 2}: {error}") from error
    if len(upper) != len(counts):
        raise HistogramError(f"has {len(upper)} slots and {len(counts)} counts in line {row + 2}")
    if len(upper) and (upper[0] < 0 or (np.diff(upper) <= 0).any() or (counts < 0).any()):
        raise HistogramError(f"has slots out of order or negative counts in line {row + 2}")
    return upper, counts


def _joined(parts: "list[Integers]") -> "Integers":
    import numpy as np

    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _lowest_ns(upper_ns: "Integers") -> "Integers":
    """Return the smallest value of each slot; HdrHistogram's layout gives it from the largest one."""
    import numpy as np

    shift = np.maximum(np.frexp(upper_ns.astype(float))[1] - _DIGITS_BITS, 0)  # frexp gives the bit length
    lowest: Integers = (upper_ns >> shift) << shift
    return lowest

"""Histograms as rows for each slot, from the compact rows of histograms and of latency windows. Pure."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pandas takes half a second to import
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

    Integers = np.ndarray[tuple[int], np.dtype[np.int64]]

_NO_LATENCY_NS = float("inf")
_DIGITS_BITS = 8  # two digits: 256 values of each power of two, see clients.histogram.coarse
PARSED_AT_ONCE = 2000  # histograms: their texts take some megabytes
_SLOTS_AT_ONCE = 1 << 16


class HistogramError(ValueError):
    """The lists of a histogram do not match. The message names its line in the file."""


def one_row_per_slot(histograms: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with a row for each used slot: lower_ns, upper_ns and count replace the two lists.

    Texts become categories and integers as short as possible: a thorough run has millions of slots, and plain columns
    would take ten times the memory. The index of the given rows are their positions in the file, from 0.

    Raises HistogramError.
    """
    import numpy as np
    import pandas as pd

    upper_ns, counts, lengths = _parsed_lists(histograms)
    factors = histograms.drop(columns=["upper_ns", "counts"])
    columns: dict[object, object] = {}
    for name, column in factors.items():
        if pd.api.types.is_numeric_dtype(column):
            columns[name] = np.repeat(pd.to_numeric(column, downcast="integer").to_numpy(), lengths)
        else:
            texts = pd.Categorical(column)
            columns[name] = pd.Categorical.from_codes(np.repeat(texts.codes, lengths), dtype=texts.dtype)
    numbers = {"lower_ns": _lowest_ns(upper_ns), "upper_ns": upper_ns, "count": counts}
    return pd.DataFrame(columns | numbers, copy=False)


def _parsed_lists(histograms: "pd.DataFrame") -> "tuple[Integers, Integers, Integers]":
    """Return the slots of all histograms, their counts, and the number of slots of each. Raises HistogramError.

    numpy parses the lists of many histograms at once, in a fifth of the time that it takes to parse them one by one.
    """
    import numpy as np

    parts = []
    for first in range(0, len(histograms), PARSED_AT_ONCE):
        rows = histograms.iloc[first : first + PARSED_AT_ONCE]
        upper, counts = rows["upper_ns"].tolist(), rows["counts"].tolist()
        parts.append(_parsed_at_once(upper, counts) or _parsed_one_by_one(upper, counts, rows.index.tolist()))
    if not parts:
        return _joined([]), _joined([]), _joined([])
    all_upper, all_counts, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return all_upper, all_counts, lengths


def _parsed_at_once(
    upper_cells: "Sequence[str]", counts_cells: "Sequence[str]"
) -> "tuple[Integers, Integers, Integers] | None":
    """Return slots, counts and lengths of some histograms; None if any list is not as a run writes it."""
    import numpy as np

    lengths = np.array([cell.count(" ") + 1 if cell else 0 for cell in upper_cells], np.int64)
    if any(cell.count(" ") + 1 != length for cell, length in zip(counts_cells, lengths, strict=True) if cell or length):
        return None
    upper, counts = (_parsed_cells(cells, int(lengths.sum())) for cells in (upper_cells, counts_cells))
    if upper is None or counts is None:
        return None
    is_first = np.zeros(len(upper) + 1, bool)
    is_first[np.cumsum(lengths)] = True
    in_order = (np.diff(upper) > 0) | is_first[1:-1]
    return (upper, counts, lengths) if in_order.all() else None


def _parsed_cells(cells: "Sequence[str]", expected: int) -> "Integers | None":
    """Return the numbers of lists that are separated by single spaces; None if they are not, or not of digits alone."""
    import numpy as np

    text = " ".join(filter(None, cells))
    if not text:
        return np.empty(0, np.int64)
    if not (text.isascii() and text.replace(" ", "").isdecimal()):
        return None
    numbers = np.fromstring(text, np.int64, sep=" ")
    # A space too many leaves a number too few. A number that is too large becomes the largest one.
    is_exact = len(numbers) == expected and int(numbers.max()) < np.iinfo(np.int64).max
    return numbers if is_exact else None


def _parsed_one_by_one(
    upper_cells: "Sequence[str]", counts_cells: "Sequence[str]", rows: "Sequence[int]"
) -> "tuple[Integers, Integers, Integers]":
    """Return slots, counts and lengths of histograms. rows: the row of each, from 0. Raises HistogramError."""
    import numpy as np

    lists = [_lists(*cells) for cells in zip(rows, upper_cells, counts_cells, strict=True)]
    upper_ns, counts = (_joined([part[side] for part in lists]) for side in (0, 1))
    return upper_ns, counts, np.array([len(upper) for upper, _ in lists], np.int64)


def one_row_per_bucket(windows: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with a row for each used bucket: upper_ns and count replace the two lists and never_answered.

    The requests of a window that were never answered have a row with infinite upper_ns. A window without requests has
    no row. Raises HistogramError.
    """
    import numpy as np

    upper_ns, counts, lengths = _parsed_lists(windows)
    never_answered = windows["never_answered"].to_numpy()
    has_further = never_answered > 0  # a further row, the last one of its window
    sizes = lengths + has_further
    is_further = np.zeros(int(sizes.sum()), bool)
    is_further[np.cumsum(sizes)[has_further] - 1] = True
    upper, count = np.full(len(is_further), _NO_LATENCY_NS), np.empty(len(is_further), np.int64)
    upper[~is_further], count[~is_further] = upper_ns, counts
    count[is_further] = never_answered[has_further]
    factors = windows.drop(columns=["upper_ns", "counts", "never_answered"])
    buckets = factors.take(np.repeat(np.arange(len(windows)), sizes)).reset_index(drop=True)
    return buckets.assign(upper_ns=upper, count=count)


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

    lowest = np.empty_like(upper_ns)
    for first in range(0, len(upper_ns), _SLOTS_AT_ONCE):  # several arrays of a whole run would be its peak of memory
        upper = upper_ns[first : first + _SLOTS_AT_ONCE]
        shift = np.maximum(np.frexp(upper.astype(float))[1] - _DIGITS_BITS, 0)  # frexp gives the bit length
        lowest[first : first + _SLOTS_AT_ONCE] = (upper >> shift) << shift
    return lowest

"""The slots of a latency histogram in HdrHistogram's layout.

They cover 1 ns to 39 hours with three digits. Histograms of one layout merge exactly, and other tools can read them.
Source: G. Tene, HdrHistogram, with a lowest value of 1 and 2048 sub-buckets. The index is (b << 10) + (v >> b), where b
is the shift that makes v fit into 11 bits. Every value is known to one part in 1024.
"""

from typing import Any

import numpy as np

from clients.engine.jit import jit_inline

Counts = np.ndarray[Any, np.dtype[np.int64]]

# The longest latency of an open loop: due when the longest load begins, sent and answered at the last moment, which is
# a day, an hour of warm-up and twice the longest timeout. The next power of two is the end of the last slot.
HIGHEST_NS = (1 << 47) - 1
SLOTS = 38 * 1024  # HdrHistogram's size for 1 ns to HIGHEST_NS; the last slot takes all longer values
_SUB_BUCKETS = 2048


def slot(value_ns: int) -> int:
    """Return the slot of a value.

    Negative values are in the first slot, values above the range in the last.
    """
    if value_ns < 0:
        return 0
    shift = 0
    while (value_ns >> shift) >= _SUB_BUCKETS:
        shift += 1
    return min((shift << 10) + (value_ns >> shift), SLOTS - 1)


slot_of = jit_inline(slot)  # the same function for compiled code

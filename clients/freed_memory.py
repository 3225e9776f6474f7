"""Memory that the generator has freed: kept for the next load, where the C library would give it to the kernel."""

import contextlib
import ctypes

# From malloc.h of glibc. A histogram of a load takes 0.3 MB, the others of one load about 2 MB.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT_BYTES, _KEPT_BYTES = 4 << 20, 64 << 20


def keep_freed_memory() -> None:
    """Have the C library reuse the memory of histograms that were freed.

    By default it returns them to the kernel, which then has to clear each page again: the copies of histograms that are
    made between two slices took 70 us each, and with this 6 us. Other C libraries, e.g. musl, have no such setting.
    """
    with contextlib.suppress(AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)

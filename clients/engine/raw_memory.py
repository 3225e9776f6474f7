"""Arrays at an address, for compiled and plain Python code alike.

A compiled function that takes an array takes seven words and counts a reference in every call. A hot loop with a dozen
arrays spent a third of its time on that (0.8 us of user time per request instead of 0.5). An address is one word. The
owner of the memory (``clients.engine.buffers``) must keep it while addresses of it are in use.
"""

import ctypes
from typing import Any

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

Array = np.ndarray[Any, Any]


def view(address: int, count: int, dtype: np.dtype[Any]) -> Array:
    """Return the elements at an address as an array that does not own them."""
    room: Any = (ctypes.c_char * (int(count) * dtype.itemsize)).from_address(int(address))
    return np.frombuffer(room, dtype)


def _as_pointer(_: Any, address: Any) -> Any:
    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), build


_pointer: Any = intrinsic(_as_pointer)
_carray: Any = numba.carray  # type: ignore[attr-defined] # the stubs know its plain form only


@overload(view, strict=False)
def _view(address: Any, count: Any, dtype: Any) -> Any:  # noqa: ARG001 - numba reads the names
    return lambda address, count, dtype: _carray(_pointer(address), (count,), dtype)

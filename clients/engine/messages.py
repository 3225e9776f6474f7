"""The bytes of requests and of their correct replies, compiled."""

from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.random_numbers import next_state, uniform
from clients.engine.thread_state import WORDS_AT, ThreadState
from clients.engine.views import connections, message, message_address, progress, requests, works
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

_HOLA_BYTES, _ADIOS_BYTES = len(HOLA), len(ADIOS)
_PUES_HOLA_BYTES, _PUES_ADIOS_BYTES = len(PUES_HOLA), len(PUES_ADIOS)
_WAIT_AT = 16  # offset of wait and compute in a frame of work


@jit_inline
def next_slot_of(params: LoadParams, serial: int) -> int:
    """Return the slot of a serial number where slots are used in turn.

    Almost every load has one slot: a comparison is cheaper than a division, which takes up to 18 cycles.
    """
    return 0 if params.depth == 1 else serial % params.depth


@jit_inline
def serial_of(params: LoadParams, number: int) -> int:
    """Return the serial number that is part of a request's number."""
    return number if params.depth == 1 else number // params.depth


@jit_inline
def request_of(state: ThreadState, params: LoadParams, i: int, slot: int) -> tuple[int, int]:
    """Return address and size of the request in a slot."""
    request = requests(state, params, i)[slot]
    if params.echo:
        return message_address(state, params, i, slot), request["size_bytes"]
    if request["number"] == connections(state)[i]["adios_number"]:
        return state.block + WORDS_AT + _HOLA_BYTES, _ADIOS_BYTES
    return state.block + WORDS_AT, _HOLA_BYTES


@jit_inline
def reply_of(state: ThreadState, params: LoadParams, i: int, slot: int) -> tuple[int, int]:
    """Return address and size of the correct reply to a slot."""
    request = requests(state, params, i)[slot]
    if params.echo:
        return message_address(state, params, i, slot), request["size_bytes"]
    replies = state.block + WORDS_AT + _HOLA_BYTES + _ADIOS_BYTES
    if request["number"] == connections(state)[i]["adios_number"]:
        return replies + _PUES_HOLA_BYTES, _PUES_ADIOS_BYTES
    return replies, _PUES_HOLA_BYTES


@jit_inline
def write_number(state: ThreadState, params: LoadParams, i: int, slot: int) -> None:
    """Write the request's number into its message.

    So no two messages of a connection are equal.
    """
    request = requests(state, params, i)[slot]
    content, number = message(state, params, i, slot), request["number"]
    if request["size_bytes"] < params.header_bytes:
        content[0] = number & 0xFF
        return
    for k in range(8):
        content[params.number_at + k] = (number >> (8 * k)) & 0xFF
    if params.work:
        _write_work(state, params, i, slot)


@jit_internal
def _write_work(state: ThreadState, params: LoadParams, i: int, slot: int) -> None:
    """Write the frame's length, and the work that it asks for."""
    content, size = message(state, params, i, slot), requests(state, params, i)[slot]["size_bytes"]
    for k in range(4):
        content[k] = (size >> (8 * k)) & 0xFF
    word = _draw_work(state, params)
    for k in range(8):
        content[_WAIT_AT + k] = (word >> (8 * k)) & 0xFF


@jit_inline
def _draw_work(state: ThreadState, params: LoadParams) -> int:
    """Return the wait and compute of the next request: independent of those before, in the order of sending."""
    kind = 0
    if params.work_kinds > 1:
        random = next_state(progress(state)["work_random"])
        progress(state)["work_random"] = random
        drawn = uniform(random)
        while kind + 1 < params.work_kinds and drawn >= works(state)[kind]["below"]:
            kind += 1
    return int64(works(state)[kind]["wait_and_compute"])

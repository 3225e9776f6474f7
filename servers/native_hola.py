"""The protocol hola for the compiled baseline, without I/O. Compiled."""

from __future__ import annotations

import numpy as np

from clients.engine.jit import jit_internal
from clients.engine.raw_memory import Array, view
from servers import protocols

RECV_BYTES = 65_536  # no datagram is longer
REPLY_BYTES = RECV_BYTES // 4 * 9 + 16  # a pues hola for every hola, and a final reply
ENDED = -2  # position after the final reply

# Constants are plain ints and arrays, because compiled code treats the globals of its module as constants.
_HOLA, _ADIOS = (np.frombuffer(word, np.uint8) for word in protocols.REPLIES)
_PUES_HOLA, _PUES_ADIOS = (np.frombuffer(word, np.uint8) for word in protocols.REPLIES.values())
_NO_ENTIENDO = np.frombuffer(protocols.UNKNOWN_REPLY, np.uint8)
_WHITESPACE = np.frombuffer(protocols.WHITESPACE, np.uint8)
_IN_ADIOS = 4  # position in a request: 0 between requests, 1 to 3 letters of hola, 4 + n for n letters of adios
_BYTE = np.dtype(np.uint8)


@jit_internal
def answer_stream(received_at: int, received_bytes: int, reply_at: int, matched: int) -> tuple[int, int]:
    """Write the replies to the received bytes, which may be split anywhere.

    matched: position in a request, 0 at first. Returns the size of the replies, and the position afterwards.
    """
    received, reply = view(received_at, RECV_BYTES, _BYTE), view(reply_at, REPLY_BYTES, _BYTE)
    reply_bytes = 0
    for k in range(received_bytes):
        letter = received[k]
        if matched == 0:
            if letter == _HOLA[0]:
                matched = 1
            elif letter == _ADIOS[0]:
                matched = _IN_ADIOS + 1
            elif letter not in _WHITESPACE:
                matched = -1
        elif matched < _IN_ADIOS:
            matched = matched + 1 if letter == _HOLA[matched] else -1
        else:
            matched = matched + 1 if letter == _ADIOS[matched - _IN_ADIOS] else -1
        if matched == _IN_ADIOS:
            reply_bytes = _append(reply, reply_bytes, _PUES_HOLA)
            matched = 0
        elif matched == _IN_ADIOS + 5 or matched == -1:
            reply_bytes = _append(reply, reply_bytes, _PUES_ADIOS if matched > 0 else _NO_ENTIENDO)
            return reply_bytes, ENDED
    return reply_bytes, matched


@jit_internal
def _append(reply: Array, reply_bytes: int, text: Array) -> int:
    for letter in text:
        reply[reply_bytes] = letter
        reply_bytes += 1
    return reply_bytes


@jit_internal
def answer_datagram(received_at: int, received_bytes: int, reply_at: int) -> int:
    """Write the reply to one datagram, which may have white space around it.

    Returns the size of the reply; 0 means no reply.
    """
    received, reply = view(received_at, RECV_BYTES, _BYTE), view(reply_at, REPLY_BYTES, _BYTE)
    first, end = 0, received_bytes
    while first < end and received[first] in _WHITESPACE:
        first += 1
    while end > first and received[end - 1] in _WHITESPACE:
        end -= 1
    if _is_word(received, first, end, _HOLA):
        return _append(reply, 0, _PUES_HOLA)
    if _is_word(received, first, end, _ADIOS):
        return _append(reply, 0, _PUES_ADIOS)
    return 0


@jit_internal
def _is_word(received: Array, first: int, end: int, word: Array) -> bool:
    if end - first != len(word):
        return False
    for k in range(len(word)):  # noqa: SIM110 - compiled code does not support generators
        if received[first + k] != word[k]:
            return False
    return True

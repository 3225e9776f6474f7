"""Everything that a generator thread counts.

The names are also the keys of the result document. Counters only grow; the counts of a slice are the difference of two
copies.
"""

import numpy as np

_OUTCOMES = (
    "scheduled",  # open loop: requests that were to be sent, i.e. sent plus unsent
    "sent",  # requests begun
    "unsent",  # open loop: requests that no connection could send in time
    "ok",  # correct replies within the timeout
    "timed_out",  # requests given up because no reply came
    "late",  # replies to requests that had been given up
    "corrupt",  # requests answered with wrong bytes
    "duplicate",  # replies to requests that had been answered before
    "reordered",  # replies that arrived after the reply to a later request of their connection (RFC 4737)
    "broken",  # requests in flight on a connection that failed
    "counted",  # requests inside the window (open loop: by intended time); each is in a histogram or never answered
    "pooled",  # counted requests that waited for a free slot
    "replies",  # ok replies that arrived inside the window
    "credit",  # replies by their share inside the window, in 1/WHOLE_CREDIT; see clients.engine.credit
    "sessions",  # sessions that completed inside the window
    "connects",  # connections opened
    "retried",  # requests sent again; each request counts as sent once
    "unread_bytes",  # sent by clients that never read
)
_TIMES = (
    "idle_ns",  # time spent in polls that returned no event
    "drained_ns",  # time spent after the end, and after the last event, waiting for replies that never arrived
    "watched_ns",  # time over which the number in flight was observed
    "in_flight_ns",  # the number in flight, integrated over that time
    "flights_ns",  # time that requests were in flight inside the window, by their own time stamps
)
_RAW = ("raw_dropped",)  # raw rows for which there was no room
ERRORS = (
    "connect_refused",
    "connect_timeout",
    "connect_failed",
    "no_ports",
    "no_descriptors",
    "timeout",
    "reset",
    "closed",  # by the server, while a reply was due
    "unreachable",
    "wrong_reply",
)
COUNTERS = np.dtype([(name, np.int64) for name in (*_OUTCOMES, *_TIMES, *_RAW, *ERRORS)])

# Counted for each phase of a load, by the phase in which a request began. Each sent request is one of the last four.
PHASE_REQUESTS = ("scheduled", "unsent", "counted", "pooled", "retried", "sent", "ok", "late", "lost", "corrupt")

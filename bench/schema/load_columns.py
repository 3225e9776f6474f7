"""Columns of slices, trials and searches, each documented once: one name has one meaning in every table.

They describe the load of their row: a slice, all slices of a trial, or a trial of a search.
"""

from bench.schema.column_docs import Column, microseconds, share

_REQUESTS = "all requests of the row; an unanswered request is infinite"
_ENOUGH = f"{_REQUESTS}; empty if fewer than 10 requests lie above"
_MOST = "the largest value at the end of a slice"

DURATION_S = Column("Length of the window, or of all windows of a trial together.", unit="s")
SCHEDULED = Column("Requests scheduled. Empty in a closed loop.", how="Also those outside the window.")
UNSENT = Column("Scheduled requests that could not be sent.", how="Also those outside the window.")
SENT = Column("Requests sent.", how="Also those outside the window.")
REPLIES = Column("Correct replies that arrived inside the window.")
SESSIONS = Column("Sessions that ended inside the window.")
LATE = Column("Replies to requests that had been given up before.", how="Also those outside the window.")
CORRUPT = Column("Requests answered with wrong bytes.", how="Also those outside the window.")
GIVEN_UP = Column(
    "Requests given up after the timeout, or broken with their connection.",
    how="Also those answered later: see `late`.",
    former_name="lost",
)
LOST = Column("Requests never answered, or broken with their connection.", how="Also those outside the window.")
THROUGHPUT_RPS = Column(
    "Rate of correct replies.",
    unit="requests/s",
    how="Each reply counts by the share of its time in flight inside the window. Empty for a population that gets no "
    "replies.",
)
LATENCY_P50_US = microseconds("Median latency. Empty in a closed loop.", _REQUESTS)
LATENCY_P99_US = microseconds("99th percentile of the latency. Empty in a closed loop.", _ENOUGH)
SERVICE_P99_US = microseconds("99th percentile of the service time.", _ENOUGH)
GENERATOR_CPU_SHARE = share("CPU time of the busiest generator thread in its time.")
RUN_DELAY_SHARE = share("Time in which the generator was ready to run and had no CPU.", "schedstat")
START_SKEW_US = microseconds(
    "Time by which the starts of several generators were apart at most, in the worst slice. Empty with one generator.",
    "what is unknown about their clocks + the latest start",
)
START_MARGIN_US = microseconds(
    "Time before and after each window that does not count, because only some of several generators may send. Empty "
    "with one generator."
)
RSS_MB = Column("Resident memory, summed over all processes.", unit="MB", how=_MOST)
THREADS = Column("Threads.", how=_MOST)
PROCESSES = Column("Processes.", how=_MOST)
DESCRIPTORS = Column("Open file descriptors.", how=_MOST)

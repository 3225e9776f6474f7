"""Facts about a load beside its counts. Pure."""

import math
from dataclasses import dataclass

from clients.measurement import Slice
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """Facts about a load that its quality checks and its document need."""

    warmup_s: float = 0.0
    whole_load: Slice | None = None  # the load, if it was a single slice; the document has its parts as ``windows``
    baseline_rps: float | None = None  # rate that the generator reaches with the baseline server at this load
    drops: dict[str, int] | None = None  # datagrams that the kernel dropped, by place
    steal_share: float | None = None  # CPU time that the hypervisor gave to other machines
    good_clock: bool = True
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    active: bool = True  # False: a phase in which the clients send nothing
    is_phase: bool = False  # of a load with several, so its requests may be answered in a later phase
    server_listens: bool | None = None  # after the load; None: not known
    shortfall_share: float = math.nan  # of its part of the load, that the slowest of several generators did not send
    missing_share: float = math.nan  # of the windows, that had begun before one of several generators did
    answered_before: bool = False  # the server has answered requests of an earlier phase


NO_CONTEXT = LoadContext()  # nothing is known

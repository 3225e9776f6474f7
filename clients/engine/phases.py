"""The phases of a load, compiled: the rates of clients change over time, without a pause between two phases.

A request belongs to the phase in which it began, or in an open loop was due, whenever its reply arrives. A connect
belongs to the phase of the session that it begins. So each phase has its own ledger and histograms. Index 0 is the
warm-up, and the last index is what begins after the end.
"""

from clients.engine import syscalls
from clients.engine.counters import COUNTERS
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import int64, jit_internal
from clients.engine.load_params import NORMAL, LoadParams
from clients.engine.records import OUTCOME_CORRUPT, OUTCOME_LATE, OUTCOME_OK
from clients.engine.thread_state import BINS, COUNTERS_AT, PHASE, ThreadState
from clients.engine.views import attempts, connections, goodput, identity, phases, progress, requests, schedule

_PHASE_BYTES, _COUNTERS_BYTES = PHASE.itemsize, COUNTERS.itemsize
_AT_END = int(PHASE.fields["at_end"][1])  # type: ignore[index] # a dtype without fields has None


@jit_internal
def phase_of(state: ThreadState, params: LoadParams, time_ns: int) -> int:
    """Return the index of the phase that contains a time."""
    index = 0
    while index <= params.phases and time_ns >= phases(state, params)[index]["end_ns"]:
        index += 1
    return index


@jit_internal
def connect_phase(state: ThreadState, params: LoadParams, i: int) -> int:
    """Return the index of the phase to which the connect of a connection belongs.

    It is the phase in which its session was due, as for the requests of the session. Otherwise the one in which the
    connect began. A connect that meets a full listen queue ends seconds later, in another phase.
    """
    conn = connections(state)[i]
    is_due = params.open_loop and params.session
    return phase_of(state, params, int64(conn["intended_ns"] if is_due else conn["state_since_ns"]))


@jit_internal
def begin_in_phase(state: ThreadState, params: LoadParams, i: int, slot: int) -> None:
    """Assign a request that was just sent to its phase, and count it there."""
    request = requests(state, params, i)[slot]
    began_ns = int64(request["intended_ns"] if params.open_loop else request["sent_ns"])
    index = phase_of(state, params, began_ns)
    attempts(state, params, i)[slot]["phase"] = index
    phase = phases(state, params)[index]
    phase["sent"] += 1
    phase["counted"] += 1
    if params.open_loop:
        waited = request["ready_ns"] > began_ns and not params.session
        phase["pooled"] += 1 if waited else 0
        phase["lateness"][slot_of(request["sent_ns"] - request["ready_ns"])] += 1


@jit_internal
def complete_in_phase(state: ThreadState, params: LoadParams, i: int, slot: int, outcome: int, now_ns: int) -> None:
    """Count the outcome of a request in its phase."""
    phase = phases(state, params)[attempts(state, params, i)[slot]["phase"]]
    if outcome == OUTCOME_OK:
        phase["ok"] += 1
        _record_reply(state, params, i, slot, now_ns)
        return
    record_failures(state, 1, now_ns)
    if outcome == OUTCOME_LATE:
        phase["late"] += 1
    elif outcome == OUTCOME_CORRUPT:
        phase["corrupt"] += 1
    else:
        phase["lost"] += 1


@jit_internal
def count_retry_in_phase(state: ThreadState, params: LoadParams, index: int) -> None:
    """Count that a request of a phase is sent again."""
    phases(state, params)[index]["retried"] += 1


@jit_internal
def find_late_in_phase(state: ThreadState, params: LoadParams, index: int) -> None:
    """Count a lost request of a phase as late: its reply arrived after it was given up."""
    phases(state, params)[index]["lost"] -= 1
    phases(state, params)[index]["late"] += 1


@jit_internal
def _record_reply(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Add an ok reply to the histograms of its phase, and to the bin in which it arrived."""
    request, sched = requests(state, params, i)[slot], schedule(state)
    phase = phases(state, params)[attempts(state, params, i)[slot]["phase"]]
    began_ns = request["intended_ns"] if params.open_loop else request["sent_ns"]
    phase["primary"][slot_of(now_ns - began_ns)] += 1
    if params.open_loop:
        service_ns = now_ns - request["sent_ns"]
        phase["service"][slot_of(service_ns)] += 1
        phase["without_send_delay"][slot_of(service_ns + request["ready_ns"] - began_ns)] += 1
    if sched["window_ns"] <= now_ns <= sched["end_ns"]:
        at = _goodput_at(state, now_ns)
        goodput(state)[at] += now_ns - began_ns
        goodput(state)[at + 1] += 1


@jit_internal
def record_failures(state: ThreadState, count: int, now_ns: int) -> None:
    """Count requests that ended without an ok reply, in the bin of now."""
    if schedule(state)["window_ns"] <= now_ns <= schedule(state)["end_ns"]:
        goodput(state)[_goodput_at(state, now_ns) + 2] += count


@jit_internal
def _goodput_at(state: ThreadState, now_ns: int) -> int:
    """Return where the bin of a time begins."""
    sched = schedule(state)
    return int64(3 * min((now_ns - sched["window_ns"]) // sched["goodput_bin_ns"], BINS - 1))


@jit_internal
def count_due_in_phase(
    state: ThreadState, params: LoadParams, due_ns: int, scheduled: int, unsent: int, uncounted: int
) -> None:
    """Count due requests, those of them that were never sent, and how many of these have infinite latency."""
    phase = phases(state, params)[phase_of(state, params, due_ns)]
    phase["scheduled"] += scheduled
    phase["unsent"] += unsent
    phase["counted"] += uncounted


@jit_internal
def begin_phases(state: ThreadState, params: LoadParams) -> None:
    """Begin with the warm-up."""
    progress(state)["phase"] = 0
    progress(state)["due_phase"] = 0
    _allow_sending(state, params)


@jit_internal
def next_phase(state: ThreadState, params: LoadParams) -> None:
    """End the current phase."""
    index = progress(state)["phase"]
    copy_at = identity(state)["phases"] + index * _PHASE_BYTES + _AT_END
    syscalls.copy_bytes(copy_at, state.block + COUNTERS_AT, _COUNTERS_BYTES)
    progress(state)["phase"] = index + 1
    if index < params.phases:
        _allow_sending(state, params)


@jit_internal
def _allow_sending(state: ThreadState, params: LoadParams) -> None:
    """Let a closed loop send to the end of an active phase, and not at all in another."""
    phase, sched = phases(state, params)[progress(state)["phase"]], schedule(state)
    until_ns = min(int64(phase["end_ns"]), int64(sched["end_ns"])) if phase["active"] else 0
    sched["act_until_ns"] = until_ns
    if params.behaviour == NORMAL:
        sched["send_until_ns"] = until_ns

"""Times of the steps of a run besides the load. Pure.

The constants come from blocks of the presets whose steps were timed, on a virtual machine with two CPUs, as means over
their models. Those of connections are half of what a busy machine took, which agrees with whole runs on a quiet one.
Those of servers, cases and slices were timed at real-time priority, so that other programs hardly disturbed them.
All models have the same, although a thread for each client takes more, and so does ``poll``.
"""

from bench.plan.population_loads import PopulationLoad, total_connections

FIXED_S = 9.0  # start of the generator and the baseline servers, charts
# Per server, when all servers of a block start at the same time: 12 servers took 0.22 to 0.27 s. The check of
# one takes 4 ms.
SERVER_START_S = 0.025
CASE_S = 0.012  # of an arm at a load point besides its load: reading of the sockets and the memory, closing
BETWEEN_SLICES_S = 0.0045  # reading of the counters, question to the generator
# One connection is opened in 0.05 ms, and each that is open already adds 30 ns: 3 s for 10,000. Closing adds 0.05 ms.
CONNECTION_S, CONNECTION_BESIDE_S = 0.1e-3, 30e-9
READ_CONNECTION_S = 5.5e-6  # between two slices: the threads of a server are read one by one
RETRANSMISSION_S, HOPELESS_QUEUE_SHARE = 1.0, 0.01
SETTLE_S = 0.35  # until the kernel has freed the connections of the load before
# The loads of the calibration: one that measures a cycle, which is repeated where replies are slow unless the load took
# long by itself; one that measures the capacity; and those that try a common rate.
FIRST_REPLIES_S, FIRST_LOADS, SLOW_LOAD_S = 0.01, 3, 0.05
CAPACITY_S, CAPACITY_SLICE_S, LONG_CAPACITY_SLICES = 0.22, 0.055, 2
RATE_TRIAL_S, COMMON_RATE_TRIALS = 0.2, 1.5
# Of a run over several machines: the control over loopback, most of which is the start of a generator; and the path to
# each generator, with the look at its host.
LOOPBACK_CONTROL_S, PATH_S = 8.0, 3.0


def network_s(generators: int) -> float:
    """Return how long a run over several machines looks at the network. generators: on other hosts."""
    return LOOPBACK_CONTROL_S + PATH_S * generators if generators else 0.0


def turned_away_s(backlog: int | None, populations: tuple[PopulationLoad, ...], timeout_s: float) -> float:
    """Return how long a burst of connects takes after its end, because the listen queue has no room for some of them.

    A client's kernel sends a connect again after 1 s. With 1,000 clients and a queue of 1 or 5, some never succeeded.
    """
    clients = max(
        (load.connections for load in populations if load.phase_rules and load.lifecycle == "per_request"), default=0
    )
    if backlog is None or backlog >= clients:
        return 0.0
    return timeout_s if backlog < HOPELESS_QUEUE_SHARE * clients else min(RETRANSMISSION_S, timeout_s)


def connecting_s(populations: tuple[PopulationLoad, ...]) -> float:
    """Return the time in which the connections of a load are opened and closed."""
    connections = total_connections(populations)
    return connections * (CONNECTION_S + CONNECTION_BESIDE_S * connections)


def reading_s(populations: tuple[PopulationLoad, ...]) -> float:
    """Return the time between two slices of a load."""
    return BETWEEN_SLICES_S + READ_CONNECTION_S * total_connections(populations)

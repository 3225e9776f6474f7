"""Settings of the scheduler, the agents and the controller's connection, which keep them quiet and strict. Pure.

Medians of eight periods of 20 s: an agent that waited for a role process took 0.30% of a core (0.30 to 0.35%) and woke
up 4.9 times per second, the scheduler 0.40% and 6.4 times. That was a quiet virtual machine with two CPUs (AMD EPYC).
"""

AGENT_TIMEOUT_S = 10.0  # without a heartbeat; a second one may pass until it is noticed
AGENT_THREADS = 8  # a task that waits for a role process takes one, and so does its cancelled predecessor


def quiet_settings(agent_timeout_s: float = AGENT_TIMEOUT_S) -> dict[str, object]:
    """Return the settings by their names. agent_timeout_s: after which an agent that does not respond is given up."""
    return {
        # A task runs once, on its host, or fails: by default a benchmark would be run again on another host.
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.no-workers-timeout": "5s",
        "distributed.scheduler.worker-ttl": f"{agent_timeout_s:g}s",
        "distributed.scheduler.active-memory-manager.start": False,
        # Timers that wake a process beside the one that is measured.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.tick.limit": "1h",  # no warnings about a busy machine
        "distributed.admin.system-monitor.interval": "5s",
        "distributed.admin.system-monitor.disk": False,
        "distributed.admin.system-monitor.gil.enabled": False,
        "distributed.diagnostics.nvml": False,
        "distributed.client.scheduler-info-interval": "60s",
        # Below 11 s a TCP connection cannot be watched at all: the library asserts it.
        "distributed.comm.timeouts.tcp": f"{max(12.0, agent_timeout_s):g}s",
        "distributed.comm.timeouts.connect": "10s",
        # The pages and figures that it serves by HTTP are outside its TLS, so there are none.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.admin.low-level-log-length": 10,  # the scheduler keeps this number of events of each topic
    }

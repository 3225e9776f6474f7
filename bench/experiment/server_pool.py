"""Servers of a scenario: started together, placed and checked."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence

from bench.experiment.child_commands import server_command
from bench.experiment.child_process import READY_S, Child, ChildError, ServerError, UnmanagedServer
from bench.experiment.external_launch import attach, await_external, launch_external
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers, load_settings
from bench.experiment.supervised_child import SupervisedChild
from bench.machine.process_usage import ProcessTree
from bench.plan.scenario import Scenario
from bench.plan.schedule import ScheduledLoad, ScheduledScenario
from bench.schema.arms import Arm
from servers.run_command import CANNOT_START

_MUCH_OUTPUT_BYTES = 1_000_000  # of one server: beyond a banner and some errors
_EXIT_S, _POLL_S = 0.3, 0.01  # for a server that has closed its connections to end
_SPEAKS = ("nobody listens", "times out after")  # in the message of a server that may well speak the protocol


@contextlib.contextmanager
def baseline_servers(context: RunContext) -> Iterator[dict[str, Servers]]:
    """Start the baseline servers for the whole run; yield them by protocol.

    The baseline server has no state that a fresh one would not have, and takes a second to start.
    """
    schedule = context.schedule
    scenarios = schedule.protocol_scenarios
    with contextlib.ExitStack() as stack:
        launched = {
            protocol: _launch_all(stack, context, scenario, schedule.baseline_arms)
            for protocol, scenario in scenarios.items()
        }
        yield {protocol: _await_all(context, scenarios[protocol], servers) for protocol, servers in launched.items()}


@contextlib.contextmanager
def fresh_servers(context: RunContext, scenario: ScheduledScenario, arms: Sequence[Arm]) -> Iterator[Servers]:
    """Start a server for each arm that has a case to serve.

    All servers start at the same time.
    """
    with contextlib.ExitStack() as stack:
        servers = _await_all(context, scenario, _launch_all(stack, context, scenario, arms))
        yield servers
        _warn_about_output(context, servers)


def verify(context: RunContext, server: Server, load: ScheduledLoad, concurrent_clients: int = 1) -> None:
    """Check that a server speaks the protocol of a load. Raises ServerError.

    While an external server may still be starting, it has the rest of that time to answer. If it needs more than the
    load's timeout, it is asked again with that: slow replies are a failure, and a slow start is not.
    """
    plan_timeout_s, begin_s = context.schedule.plan.timeout_s, time.monotonic()
    start_timeout_s = math.ceil(server.start_deadline_s - begin_s)
    timeouts_s = [max(plan_timeout_s, start_timeout_s)]
    for timeout_s in timeouts_s:
        settings = load_settings(load, server, timeout_s, spin=context.schedule.cpus_disjoint)
        try:
            server.ready = {**server.ready, "host": context.generator.verify(settings, concurrent_clients)}
        except ServerError as error:
            raise _explain_failed_check(server, load, error) from error
        if timeout_s > plan_timeout_s and time.monotonic() - begin_s > plan_timeout_s:
            timeouts_s.append(plan_timeout_s)


def _explain_failed_check(server: Server, load: ScheduledLoad, error: ServerError) -> ServerError:
    """Return the error of a protocol check with its cause: the end of the server, if it has ended."""
    child = server.child
    if has_ended(child):
        return ServerError(f"server {child.exit_text} during the protocol check: {error}; {child.stderr_report}")
    tail = child.stderr_tail()
    problem = f"{error}; last stderr lines: {tail}" if tail else str(error)
    if any(words in problem for words in _SPEAKS):
        return ServerError(problem)
    return ServerError(f"server does not speak {load.scenario.protocol}: {problem}")


def has_ended(child: Child | UnmanagedServer) -> bool:
    """Return whether a server has ended, or ends now: its connections are closed a moment before."""
    end_s = time.monotonic() + _EXIT_S
    while child.alive:
        if time.monotonic() > end_s:
            return False
        time.sleep(_POLL_S)
    return True


def _launch_all(
    stack: contextlib.ExitStack, context: RunContext, scenario: ScheduledScenario, arms: Sequence[Arm]
) -> Servers:
    return {arm: _launch(stack, context, arm, scenario.scenario) for arm in arms if scenario.serves(arm)}


def _launch(stack: contextlib.ExitStack, context: RunContext, arm: Arm, scenario: Scenario) -> Server | str:
    """Start the server of an arm; return why it cannot be started, or failed before the first block."""
    schedule, protocol = context.schedule, scenario.protocol
    if failure := context.failures.get((arm.model, arm.transport, protocol)):
        return failure
    # Servers may use all CPUs while they start, which takes half of the time. Nothing is measured yet.
    cpus = schedule.server_cpus + schedule.generator_cpus
    external = schedule.external_servers.get(arm.model)
    try:
        if external is None:
            return _launch_model(stack, context, arm, scenario, cpus)
        if external.target:
            return attach(arm, external)
        return launch_external(stack, arm, external, protocol, cpus, context.server_address)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return f"{CANNOT_START}{where}{error.strerror or error}"


def _launch_model(
    stack: contextlib.ExitStack, context: RunContext, arm: Arm, scenario: Scenario, cpus: Sequence[int]
) -> Server:
    schedule, address = context.schedule, context.server_address
    python = schedule.plan.pythons.get(arm.python, "")
    workers, backlog = schedule.plan.workers, scenario.backlog
    command = server_command(arm.model, arm.transport, scenario.protocol, workers, python, backlog, address)
    child = stack.enter_context(Child(f"server {arm.name}", command, cpus))
    return Server(arm, child, ProcessTree(child.pid))


def _await_all(context: RunContext, scenario: ScheduledScenario, launched: Servers) -> Servers:
    """Return the servers once they are up; the reason for each that failed."""
    servers = dict(launched)
    for arm, server in launched.items():
        if isinstance(server, str):
            continue
        try:
            _await_ready(server, context)
            verify(context, server, scenario.loads[0])
        except ServerError as error:
            servers[arm] = str(error)
    return servers


def _await_ready(server: Server, context: RunContext) -> None:
    """Wait until a server is up, and move it to the servers' CPUs. Raises ServerError."""
    try:
        if server.external is not None:
            await_external(server, server.external, context.server_address)
        elif isinstance(server.child, Child):
            server.ready = server.child.read_line(READY_S)
    except (ChildError, ServerError) as error:
        if isinstance(server.child, SupervisedChild) and (problem := server.child.start_problem):
            raise ServerError(problem) from error
        if isinstance(error, ServerError) or server.child.alive:
            raise ServerError(str(error)) from error
        raise ServerError(f"server {server.child.exit_text} during start-up; {server.child.stderr_report}") from error
    try:
        server.tree.pin(context.schedule.server_cpus)
    except PermissionError as error:
        raise ServerError("server cannot be moved to its CPUs: it has a process of another user") from error


def _warn_about_output(context: RunContext, servers: Servers) -> None:
    """Warn once about each server that writes a lot: its figures include that work."""
    for arm, server in servers.items():
        if not isinstance(server, Server) or not isinstance(server.child, SupervisedChild):
            continue
        written = server.child.output_bytes
        if written > _MUCH_OUTPUT_BYTES and arm.model not in context.warned:
            context.warned.add(arm.model)
            context.observer.on_warning(
                f"{arm.display_name} wrote {written / 1e6:.0f} MB of output; its CPU time and rate include that. "
                "The last lines are kept for messages, the rest is dropped"
            )

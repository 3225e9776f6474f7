"""The engine that connects the machines: dask.distributed. No other file imports it.

It is used as a thin layer: one quiet agent per host, each task on one named host, and nothing that a task computes
stays in an agent. What the engine offers beyond that (graphs, retries, other hosts) is switched off.
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dask.config
from distributed import Client, Scheduler, Worker, get_worker
from distributed.scheduler import KilledWorker, NoValidWorkerError, NoWorkerError
from distributed.security import Security

from bench.fleet.quiet_settings import AGENT_THREADS, AGENT_TIMEOUT_S, quiet_settings
from bench.fleet.tls_files import TlsFiles

_TOPIC = "holabench"
_LOOPBACK_PORT = "127.0.0.1:0"  # the engine's HTTP server cannot be left out; it has no pages (quiet_settings)
_HEARTBEAT_S = 1.0
_SILENCE_S = 4 * _HEARTBEAT_S  # before a connection ends: the host was cut off. A process that dies ends it at once.
_START_S = 30.0
_CLOSE_S = 5.0
_RESULT_S = 60.0  # from the scheduler to here, for one that is ready


class AgentLostError(Exception):
    """The agent of a task has gone. The message is the end of a sentence: ``has died``."""


class SchedulerLostError(Exception):
    """The scheduler has gone."""


def configure(agent_timeout_s: float = AGENT_TIMEOUT_S) -> None:
    """Make the engine of this process quiet, strict, and independent of the user's settings for it."""
    dask.config.refresh(paths=[], env={})
    dask.config.set(quiet_settings(agent_timeout_s))
    # Each failure is reported once, by an exception. The engine would add its own lines, with tracebacks.
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


async def serve_scheduler(
    url: str, tls: TlsFiles | None, agent_timeout_s: float, on_start: Callable[[str], None], ending: asyncio.Event
) -> None:
    """Run a scheduler until ``ending`` is set or a client shuts it down. on_start: is called with its address."""
    configure(agent_timeout_s)
    scheduler = _Scheduler(host=url, security=_security(tls), dashboard=False, dashboard_address=_LOOPBACK_PORT)
    with _original_error():
        await scheduler
    async with scheduler:
        on_start(scheduler.address)
        waits = [asyncio.ensure_future(wait) for wait in (ending.wait(), scheduler.finished())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


@contextlib.contextmanager
def _original_error() -> Iterator[None]:
    """Raise the OSError or ValueError behind "failed to start"."""
    try:
        yield
    except RuntimeError as error:
        if "name taken" in str(error.__cause__):
            raise ValueError("an agent of this name is connected already") from None
        if isinstance(error.__cause__, OSError | ValueError):
            raise error.__cause__ from None
        raise


class _Scheduler(Scheduler):  # type: ignore[misc] # its types are not known
    """A scheduler that reports how long an agent had been silent when it was lost."""

    async def remove_worker(self, address: str, *, stimulus_id: str, **options: Any) -> Any:
        if agent := self.workers.get(address):
            silent_s = time.time() - agent.last_seen
            self.log_event(_TOPIC, {"lost": agent.name, "address": address, "silent_s": silent_s})
        return await super().remove_worker(address, stimulus_id=stimulus_id, **options)


class AgentEnd:
    """Why an agent ends, once that is known. Use it from the thread of its event loop."""

    def __init__(self) -> None:
        self.reason = ""
        self._event = asyncio.Event()

    def set(self, reason: str) -> None:
        """End the agent. The first reason counts."""
        self.reason = self.reason or reason
        self._event.set()

    async def wait(self) -> None:
        """Wait until the agent is to end."""
        await self._event.wait()


SCHEDULER_LOST = "the connection to the scheduler was lost"
RUN_ENDED = "the scheduler has ended the run"


class _Agent(Worker):  # type: ignore[misc] # as above
    """A worker that ends its role processes before it waits for its tasks."""

    def __init__(self, *arguments: Any, end: AgentEnd, end_roles: Callable[[str], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._end, self._end_roles = end, end_roles

    async def close(self, *arguments: Any, reason: str = "", **options: Any) -> Any:
        self._end.set(SCHEDULER_LOST if "connection-broken" in reason or "heartbeat" in reason else RUN_ENDED)
        await asyncio.to_thread(self._end_roles, "was stopped: its agent ends")
        options |= {"timeout": _CLOSE_S, "executor_wait": False}
        return await super().close(*arguments, reason=reason, **options)


async def serve_agent(
    url: str,
    name: str,
    tls: TlsFiles | None,
    listen: str | None,
    *,
    end: AgentEnd,
    end_roles: Callable[[str], None],
    on_start: Callable[[str], None],
) -> None:
    """Run an agent until ``end`` is set, which a lost scheduler does, too. Raises ValueError and OSError.

    end_roles: ends all role processes. on_start: is called with the address of the agent.
    """
    configure()
    with tempfile.TemporaryDirectory(prefix="holabench-agent-", ignore_cleanup_errors=True) as directory:
        agent = _Agent(
            url,
            name=name,
            host=listen,
            nthreads=AGENT_THREADS,
            security=_security(tls),
            memory_limit=0,  # no limit, and no timer that watches it
            dashboard=False,
            dashboard_address=_LOOPBACK_PORT,
            local_directory=directory,
            heartbeat_interval=f"{_HEARTBEAT_S:g}s",
            death_timeout=_START_S,
            end=end,
            end_roles=end_roles,
        )
        with _original_error():
            await agent
        try:
            on_start(agent.address)
            await end.wait()
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(agent.close(reason=end.reason), 2 * _CLOSE_S)


def send_event(role: str, event: Mapping[str, Any]) -> None:
    """Send an event of a role process to the controller. Call it in a task of an agent."""
    agent = get_worker()
    agent.log_event(_TOPIC, {"agent": agent.name, "role": role, "event": event})


class Connection:
    """The controller's connection to a scheduler. Raises OSError if there is none.

    on_message: is called in another thread, with each event of a role, and with each agent that is lost.
    """

    def __init__(self, url: str, tls: TlsFiles | None, on_message: Callable[[Mapping[str, Any]], None]) -> None:
        configure()
        self._client = Client(
            url, security=_security(tls), set_as_default=False, direct_to_workers=False, timeout=_START_S
        )
        self._client.subscribe_topic(_TOPIC, lambda event: on_message(event[1]))

    def agents(self) -> dict[str, str]:
        """Return the addresses of the agents that are connected, by their names."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in workers.items()}

    def call(self, address: str, function: Callable[..., Any], arguments: tuple[Any, ...], timeout_s: float) -> Any:
        """Call a function in the event loop of an agent, which waits meanwhile. Raises what it raises, and OSError."""
        # Client.run is the same without the time limit, and waits for an agent that is stopped.
        answers = self._client.sync(
            self._client._run,  # noqa: SLF001 - see above
            function,
            *arguments,
            workers=[address],
            callback_timeout=timeout_s,
        )
        return answers[address]

    def submit(
        self, address: str, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> "concurrent.futures.Future[Any]":
        """Call a function in a thread of an agent: once, there, or not at all. The result is fetched when it is ready.

        The future raises what the function raises, AgentLostError or SchedulerLostError.
        """
        result: concurrent.futures.Future[Any] = concurrent.futures.Future()
        task = self._client.submit(
            function, *arguments, workers=[address], allow_other_workers=False, pure=False, retries=0
        )
        task.add_done_callback(functools.partial(_fetch, result))
        return result

    def close(self, *, ends_scheduler: bool) -> None:
        """Disconnect. ends_scheduler: whether to end the scheduler and all agents first; else it has gone already."""
        with contextlib.suppress(Exception):  # what does not end by itself is killed by the caller
            if ends_scheduler:
                self._client.sync(self._client._shutdown, callback_timeout=_CLOSE_S)  # noqa: SLF001 - has no time limit
        with contextlib.suppress(Exception):
            self._client.close(timeout=_CLOSE_S)


def loss_reason(silent_s: float) -> str:
    """Return how an agent was lost that had been silent for some time."""
    if silent_s < _SILENCE_S:
        return "has died"
    reason, cause = f"did not respond for {silent_s:.0f} s", "it is stopped, or was cut off from the network"
    return f"{reason}: {cause}"


def _fetch(result: "concurrent.futures.Future[Any]", task: Any) -> None:
    """Set a result or an exception from a task of the engine that is done."""
    try:
        result.set_result(task.result(timeout=_RESULT_S))
    except (KilledWorker, NoValidWorkerError, NoWorkerError):
        result.set_exception(AgentLostError("has died"))
    except concurrent.futures.CancelledError:
        result.set_exception(SchedulerLostError())
    except Exception as error:
        result.set_exception(error)
    finally:
        task.release()


def _security(tls: TlsFiles | None) -> Security | None:
    if tls is None:
        return None
    own = {
        f"tls_{side}_{kind}": str(path)
        for side in ("scheduler", "worker", "client")
        for kind, path in (("cert", tls.certificate), ("key", tls.key))
    }
    return Security(
        tls_ca_file=str(tls.authority), require_encryption=True, tls_min_version=ssl.TLSVersion.TLSv1_3, **own
    )

"""An agent: the process on a host that starts role processes for a controller elsewhere."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.fleet.addresses import SchedulerUrl, is_loopback, parse_scheduler_url, split_address
from bench.fleet.errors import FleetInputError
from bench.fleet.tls_files import TlsFiles, check_peer, remember_keys

WAIT_S = 300.0  # for a scheduler: jobs of a cluster start in any order
_POLL_S = 0.25
_CONNECT_S = 5.0
_END_S = 25.0  # for an orderly end, in which servers are stopped
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Options of an agent, checked. listen: the address that the scheduler reaches it at; "" for the default one."""

    scheduler: SchedulerUrl
    name: str
    tls: TlsFiles | None
    listen: str
    ends_with_stdin: bool
    wait_s: float


def check_options(
    scheduler: str,
    name: str,
    tls_dir: Path | None,
    listen: str,
    *,
    allow_root: bool,
    ends_with_stdin: bool = False,
    wait_s: float = WAIT_S,
) -> AgentOptions:
    """Return the options of an agent. Raises FleetInputError."""
    from bench.fleet.certificates import check_name, check_validity

    url = parse_scheduler_url(scheduler, "--scheduler")
    check_name(name)
    if os.geteuid() == 0 and not allow_root:
        raise FleetInputError(
            "an agent runs the code that any member of its fleet sends, so it does not run as root; "
            "use another user, or add --allow-root"
        )
    if url.uses_tls and tls_dir is None:
        raise FleetInputError("--scheduler tls://... needs --tls-dir DIR; make keys with: holabench fleet-keys DIR")
    if tls_dir is not None and not url.uses_tls:
        raise FleetInputError("--tls-dir has no effect with tcp://; write --scheduler tls://HOST:PORT")
    tls = TlsFiles.in_directory(tls_dir) if tls_dir else None
    if tls:
        check_validity(tls)
    if listen:
        try:
            host, _ = split_address(listen)
        except ValueError as error:
            raise FleetInputError(f"--listen {listen!r}: {error}") from error
        if tls is None and not is_loopback(host):
            raise FleetInputError(f"--listen {listen!r}: without TLS, only a loopback address is safe; use --tls-dir")
    return AgentOptions(url, name, tls, listen, ends_with_stdin, wait_s)


def run_agent(options: AgentOptions, report: Callable[[str], None]) -> int:
    """Run an agent to its end, and return the exit code. report: is called with lines for a log.

    Raises FleetInputError if it cannot connect.
    """
    return asyncio.run(_serve(options, report))


async def _serve(options: AgentOptions, report: Callable[[str], None]) -> int:
    from bench.fleet import agent_tasks, engine
    from bench.fleet.code_version import code_version

    end = engine.AgentEnd()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end.set, f"got {number.name}")
    if options.ends_with_stdin:
        threading.Thread(target=_await_stdin, args=(loop, end.set), name="agent stdin", daemon=True).start()
    waiting = asyncio.ensure_future(end.wait())
    connecting = asyncio.ensure_future(_await_scheduler(options, report))
    await asyncio.wait((waiting, connecting), return_when=asyncio.FIRST_COMPLETED)
    waiting.add_done_callback(lambda _: _bound_end())
    if not connecting.done():
        connecting.cancel()
        return 0
    connecting.result()
    remember_keys(options.tls)
    code_version()  # reads all files once, before the controller asks for it

    def on_start(address: str) -> None:
        report(
            f"agent {options.name} (pid {os.getpid()}) is connected to {options.scheduler}, and listens at {address}"
        )

    try:
        await engine.serve_agent(
            str(options.scheduler),
            options.name,
            options.tls,
            options.listen or None,
            end=end,
            end_roles=agent_tasks.abort_all,
            on_start=on_start,
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise FleetInputError(f"{options.scheduler} does not accept this agent: {error}") from error
    report(f"agent {options.name} (pid {os.getpid()}) ends: {end.reason}")
    return 1 if end.reason == engine.SCHEDULER_LOST else 0


async def _await_scheduler(options: AgentOptions, report: Callable[[str], None]) -> None:
    """Wait until the scheduler accepts connections. Raises FleetInputError."""
    url, end_s, is_reported = options.scheduler, time.monotonic() + options.wait_s, False
    while True:
        try:
            return await asyncio.to_thread(check_peer, url.host, url.port, options.tls, _CONNECT_S)
        except OSError as error:
            if time.monotonic() > end_s:
                reason = error.strerror or error
                raise FleetInputError(f"{url}: no scheduler within {options.wait_s:g} s: {reason}") from error
        if not is_reported:
            report(f"agent {options.name} (pid {os.getpid()}) waits for {url}")
            is_reported = True
        await asyncio.sleep(_POLL_S)


def _await_stdin(loop: asyncio.AbstractEventLoop, end: Callable[[str], None]) -> None:
    while os.read(0, 1024):
        continue
    loop.call_soon_threadsafe(end, "its stdin has ended")


def _bound_end() -> None:
    """End this process by force if it does not end in time. The kernel ends its role processes then."""
    timer = threading.Timer(_END_S, os._exit, (1,))
    timer.daemon = True
    timer.start()

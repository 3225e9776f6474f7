"""``holabench agent`` and ``holabench fleet-keys``: what a host needs to take part in a run over several machines."""

import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_line, print_path, stderr_console
from bench.cli.temporary_folder import refuse_missing_temporary_folder
from clients.cli_errors import Stop


def agent(
    scheduler: Annotated[
        str, typer.Option(metavar="URL", help="Address of the controller's scheduler: tls://HOST:PORT.")
    ],
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Name in the fleet file. Default: the name of this host up to the first dot."
        ),
    ] = "",
    tls_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory with ca.pem, certificate.pem and key.pem of this host."),
    ] = None,
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address at which the scheduler reaches this agent: HOST or HOST:PORT. "
            "Default: that of the route to the scheduler, and any port.",
        ),
    ] = "",
    allow_root: Annotated[
        bool, typer.Option("--allow-root", help="Run as root, and so let every member of the fleet run code as root.")
    ] = False,
    stdin_lifetime: Annotated[
        bool, typer.Option("--stdin-lifetime", help="End when standard input ends, e.g. with an SSH session.")
    ] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0.0, help="How long to wait for the scheduler.")
    ] = 300.0,
) -> int:
    """Let a controller on another machine start servers or load generators on this host.

    Examples:

      holabench agent --scheduler tls://10.0.0.1:8786 --name lab2 --tls-dir keys/lab2

    The agent measures nothing itself. It ends when the run ends, or when the scheduler is lost.

    Exit codes: 0 the run has ended; 1 the scheduler was lost; 2 wrong input.
    """
    from bench.fleet.agent import check_options, run_agent
    from bench.fleet.errors import FleetInputError
    from bench.fleet.extra import require_cluster_extra

    console = stderr_console()
    refuse_missing_temporary_folder()
    try:
        require_cluster_extra()
        options = check_options(
            scheduler,
            name or platform.node().partition(".")[0],
            tls_dir,
            listen,
            allow_root=allow_root,
            ends_with_stdin=stdin_lifetime,
            wait_s=wait_s,
        )
        if allow_root and os.geteuid() == 0:
            print_line(console, "warning: this agent runs as root, and so does what any member of its fleet sends")
        return run_agent(options, lambda line: print_line(console, line))
    except FleetInputError as error:
        raise Stop(str(error)) from error


def fleet_keys(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="New directory, with one directory per member.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of the hosts, as in the fleet file.")],
    days: Annotated[int, typer.Option(metavar="DAYS", min=1, max=3650, help="How long the keys are valid.")] = 365,
) -> None:
    """Make the keys of a fleet: a private authority, and a certificate for the controller and for each host.

    Examples:

      holabench fleet-keys keys lab1 lab2

    Copy keys/lab1 to lab1 only, keys/lab2 to lab2 only. All members trust each other: each can run code on the others.

    Exit codes: 0 success; 2 wrong input.
    """
    from bench.fleet.errors import FleetInputError
    from bench.fleet.extra import require_cluster_extra

    try:
        require_cluster_extra()
        from bench.fleet.certificates import make_keys

        for path in make_keys(directory, names, valid_days=days):
            print_path(path)
    except FleetInputError as error:
        raise Stop(str(error)) from error

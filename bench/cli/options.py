"""Options that several commands share, and the combinations of them that contradict each other."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.option_values import option_name
from bench.plan.toml import preset_names
from clients.cli_errors import Stop

_LOAD, _DURATION, _SERVERS, _OUTPUT = "What to measure", "How long", "Which servers", "Output"
_HOSTS = "Which machines"

PlanSource = Annotated[
    str,
    typer.Argument(metavar="PRESET|PLAN.toml", help=f"A preset ({', '.join(preset_names())}) or a plan file."),
]
Models = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=_SERVERS,
        help="Server models, e.g. select,asyncio. Default: the plan's. `holabench models` lists them all.",
    ),
]
Transports = Annotated[
    str, typer.Option(metavar="NAMES", rich_help_panel=_LOAD, help="tcp, udp or tcp,udp. Default: the plan's.")
]
Protocol = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_LOAD,
        help="Protocol of every scenario: echo, hola or work. Default: the plan's.",
    ),
]
Connections = Annotated[
    str,
    typer.Option(
        metavar="NUMBERS",
        rich_help_panel=_LOAD,
        help="Concurrent clients in every scenario, e.g. 1,16,64. Default: the plan's.",
    ),
]
MessageBytes = Annotated[
    str,
    typer.Option(
        metavar="NUMBERS", rich_help_panel=_LOAD, help="Sizes of messages, e.g. 64,1024. Default: the plan's."
    ),
]
WaitMs = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_LOAD,
        help="Milliseconds that each request of the protocol work waits on the server, e.g. 5. Default: the plan's.",
    ),
]
ComputeUnits = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_LOAD,
        help="Units of about 1 us that each request of the protocol work computes, e.g. 1000. Default: the plan's.",
    ),
]
Rate = Annotated[
    str,
    typer.Option(
        metavar="RATE",
        rich_help_panel=_LOAD,
        help="Rate of the scenarios that measure latency at a rate: common (a rate that every server can serve), "
        "highest (search for the highest), 20000/s (requests per second) or 50% (of each server's capacity). "
        "Default: the plan's.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        rich_help_panel=_LOAD,
        help="Time after which a request counts as unanswered, for servers that answer slowly. Default: the plan's.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_LOAD,
        help="Random seed of the measurement order. Default: the plan's seed, or a random one.",
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        rich_help_panel=_SERVERS,
        help="Model that the others are compared with. Default: the plan's, or the first model.",
    ),
]
Blocks = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_DURATION,
        help="Number of blocks. Each block restarts every server; more blocks give narrower intervals. "
        "Default: the plan's.",
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_DURATION,
        help="Seconds of load on each server, per load point and block. Default: the plan's.",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_DURATION,
        help="Time budget in minutes. Chooses the number of blocks, and shorter blocks if the budget is small. "
        "Default: no budget.",
    ),
]
TargetPrecision = Annotated[
    str,
    typer.Option(
        metavar="PERCENT",
        rich_help_panel=_DURATION,
        help="Run blocks until every confidence interval is within this half-width, e.g. 3%. "
        "Default: run the plan's number of blocks.",
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        rich_help_panel=_DURATION,
        help="With --target-precision: stop after this many minutes even if the precision is not reached. Default: 60.",
    ),
]
Server = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=COMMAND",
        rich_help_panel=_SERVERS,
        help='External server to start, e.g. "php=php server.php {port}". It serves TCP; write NAME/udp=COMMAND or '
        "NAME/tcp+udp=COMMAND for other transports. Not run by a shell: use env NAME=VALUE or sh -c '...'. "
        "Repeatable. Default: none.",
    ),
]
Target = Annotated[
    str,
    typer.Option(
        metavar="URL",
        rich_help_panel=_SERVERS,
        help="URL of a running server, e.g. tcp://127.0.0.1:8000, udp://localhost:8000 or tcp://[::1]:8000. Its CPU "
        "time and memory are not measured. Default: none.",
    ),
]
Python = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        rich_help_panel=_SERVERS,
        help="Other interpreters to run every model with, e.g. 3.13,pypy3,/path/to/python. Default: the plan's.",
    ),
]
ModelsFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", rich_help_panel=_SERVERS, help="Directory with models of your own, one per file. Default: none."
    ),
]
OutputDir = Annotated[
    Path,
    typer.Option(metavar="DIR", rich_help_panel=_OUTPUT, help="Directory in which to create the run folder."),
]
AsJson = Annotated[
    bool, typer.Option("--json", rich_help_panel=_OUTPUT, help="Print the results as lines of JSON, for scripts.")
]
NoCharts = Annotated[
    bool,
    typer.Option(
        "--no-charts",
        rich_help_panel=_OUTPUT,
        help="Skip charts and report; create them later with `holabench report`.",
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="Resume an interrupted run: measure the blocks that are missing. Default: none."),
]
FleetFile = Annotated[
    Path | None,
    typer.Option(
        "--fleet",
        metavar="FILE",
        rich_help_panel=_HOSTS,
        help="Run on the hosts of a fleet file, whose agents are running. Default: none.",
    ),
]
ServersOn = Annotated[
    str,
    typer.Option(
        metavar="USER@HOST[:PORT]",
        rich_help_panel=_HOSTS,
        help="Run the servers on this host, over SSH; needs --generators-on.",
    ),
]
GeneratorsOn = Annotated[
    str,
    typer.Option(
        metavar="USER@HOST[:PORT]",
        rich_help_panel=_HOSTS,
        help="Run load generators on these hosts, over SSH; several with commas between. Needs --servers-on.",
    ),
]
AllowRoot = Annotated[
    bool,
    typer.Option(
        "--allow-root",
        rich_help_panel=_HOSTS,
        help="Let agents over SSH run as root, so that members of the fleet can do all there. Default: refuse.",
    ),
]
AllowTarget = Annotated[
    str,
    typer.Option(
        metavar="HOSTS",
        rich_help_panel=_SERVERS,
        help="Other machines that targets of a plan file may be on; several with commas between. Default: none.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be measured and how long it takes, and exit.")
]

_PLAN_PARAMETERS = (
    "plan_source",
    "models",
    "transports",
    "protocol",
    "connections",
    "message_bytes",
    "wait_ms",
    "compute_units",
    "rate",
    "timeout",
    "seed",
    "reference",
    "blocks",
    "seconds",
    "minutes",
    "target_precision",
    "max_minutes",
    "server",
    "target",
    "python",
)
# Options that contradict each other, with the reason.
_CONTRADICTIONS = (
    ("target_precision", "blocks", "the precision decides how many blocks are run"),
    ("target_precision", "minutes", "the precision decides how long the run takes; limit it with --max-minutes"),
    ("minutes", "blocks", "the time budget decides how many blocks are run"),
    ("minutes", "seconds", "the time budget may change the seconds of load"),
    ("dry_run", "as_json", "a dry run prints a table for people"),
)
_NOT_WITH_RESUME = (*_PLAN_PARAMETERS, "output_dir", "dry_run")


def given_options(context: typer.Context) -> dict[str, Any]:
    """Return the parameters that the user gave on the command line, by name. Defaults are left out."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }


def refuse_contradictions(given: Collection[str]) -> None:
    """Raise Stop if two of the given options contradict each other."""
    for first, second, reason in _CONTRADICTIONS:
        if first in given and second in given:
            raise Stop(f"{option_name(first)} and {option_name(second)} contradict each other: {reason}; remove one")
    if "resume" in given and (others := [name for name in _NOT_WITH_RESUME if name in given]):
        names = ", ".join(map(option_name, others))
        raise Stop(f"--resume continues a run with its own plan and folder; remove {names}")

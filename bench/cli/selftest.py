"""``holabench selftest``: check the load generator on this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_line, stderr_console
from clients.cli_errors import Stop


def selftest(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Check to run. Repeatable. Default: all checks.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="File for the results as JSON. Default: none.")
    ] = None,
) -> int:
    """Check the load generator against a server whose every reply is known in advance. Takes two minutes.

    Examples:

      holabench selftest

      holabench selftest --only single_server_queue --only stall_open_loop

    Exit codes: 0 all checks passed or were disturbed by the machine; 1 a check failed; 2 wrong input.
    """
    from bench.selftest.checks import all_checks
    from bench.selftest.runner import Result, describe, run_all, summarise

    checks = all_checks()
    names = [check.name for check in checks]
    for name in only or []:
        if name not in names:
            raise Stop(f"--only {name!r}: unknown check; the checks are {', '.join(names)}")
    console = stderr_console()

    def report(result: Result) -> None:
        for line in describe(result):
            print_line(console, line)

    results = run_all([check for check in checks if not only or check.name in only], report)
    print_line(console, summarise(results))
    if json_file is not None:
        text = json.dumps([result.to_document() for result in results], indent=2)
        try:
            json_file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise Stop(f"--json {json_file}: {error.strerror or error}; the results are printed above", 1) from error
    return 1 if any(result.outcome == "failed" for result in results) else 0

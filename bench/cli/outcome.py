"""The end of a run: render its results, print how to continue, and choose the exit code."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from bench.cli.console import print_line, print_path
from bench.cli.report import print_results
from bench.formatting import join_words
from bench.translation import gettext, ngettext, translate_line
from clients.cli_errors import Stop

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    import pandas as pd

    from bench.experiment.runner import Outcome

INVALID_RESULTS, INTERRUPTED = 3, 130  # exit codes


def finish_run(outcome: "Outcome", console: Console, *, as_json: bool, charts: bool) -> int:
    """Render the results of a run, print the run folder and the next steps, and return the exit code. Raises Stop."""
    from bench.store.errors import StoreError

    problems: list[str] = []
    failure, interrupted, rendered = outcome.failure, outcome.interrupted, False
    try:
        problems = render_results(outcome, console, as_json=as_json, charts=charts)
        rendered = True
    except StoreError as error:
        if failure:  # the failure of the run is printed last
            print_line(console, translate_line(str(error)))
        failure = failure or str(error)
    except KeyboardInterrupt:
        interrupted = True
    hint, commands = resume_hint(outcome, rendered=rendered)
    if hint:
        print_line(console, hint)
    for command in commands:
        print_line(console, f"holabench {command} {outcome.folder.path}", indent=2)
    if as_json:
        print(json.dumps({"type": "run", "folder": str(outcome.folder.path)}))
    else:
        print_path(outcome.folder.path)
    if failure:
        raise Stop(failure, 1)
    if interrupted:
        return INTERRUPTED
    for problem in problems:
        print_line(
            console,
            gettext(
                "exiting with code {invalid_results}: {problem} (see the reasons above)",
                invalid_results=INVALID_RESULTS,
                problem=problem,
            ),
        )
    return INVALID_RESULTS if problems else 0


def resume_hint(outcome: "Outcome", *, rendered: bool) -> tuple[str, list[str]]:
    """Return what happened to an unfinished run, and the commands that continue it; empty for a finished run."""
    if (outcome.interrupted or outcome.failure) and not outcome.complete:
        stopped = gettext("Interrupted") if outcome.interrupted else gettext("Stopped")
        if not outcome.blocks and not outcome.searches:
            return gettext(
                "{stopped} before the first block finished; nothing to report. Resume with:", stopped=stopped
            ), ["run --resume"]
        measured = ngettext("{count} block", "{count} blocks", outcome.blocks) if outcome.blocks else ""
        if outcome.searches:  # a bisection depends on all its rounds, which another hour may contradict
            rounds = ngettext("{count} round", "{count} rounds", outcome.searches)
            searches = gettext("{rounds} of searches, which a resumed run repeats", rounds=rounds)
            measured = join_words(filter(None, (measured, searches)))
        return gettext(
            "{stopped} after {measured}; all is kept. Resume or report with:", stopped=stopped, measured=measured
        ), ["run --resume", "report"]
    if not rendered:
        return gettext("The measurements are complete and safe; the report is not finished. Create it with:"), [
            "report"
        ]
    return "", []


def render_results(outcome: "Outcome", console: Console, *, as_json: bool, charts: bool) -> list[str]:
    """Render what a run measured, print its tables, and return what is wrong with it. Raises StoreError."""
    if not outcome.blocks and not outcome.searches:
        return []
    from bench.report.chart_workers import chart_workers
    from bench.store.errors import StoreError

    with chart_workers(outcome.folder.path) if charts else nullcontext() as workers:
        from bench.report.build import build

        results = build(outcome.folder.read(), workers)
    print_results(results, console)
    if not charts:
        line = gettext("Charts and report skipped. Create them with: holabench report {path}", path=outcome.folder.path)
        print_line(console, line)
    if as_json:
        _print_json_rows("summary", results.summary)
        _print_json_rows("comparison", results.comparisons)
        print_json_sentences(results.sentences, results.notes)
    if results.chart_failure:
        raise StoreError(results.chart_failure)
    from bench.analysis.run_problems import problems

    return problems(results.summary, results.trials)


def print_json_sentences(sentences: Sequence[str], notes: Sequence[str]) -> None:
    """Print the sentences that the report begins with, and the lines below its table, each as a line of JSON."""
    for row_type, texts in (("answer", sentences), ("note", notes)):
        for text in texts:
            typer.echo(json.dumps({"type": row_type, "sentence": text}))


def _print_json_rows(row_type: str, table: "pd.DataFrame") -> None:
    """Print each row of a table as a line of JSON that starts with its type."""
    typed = table.copy()
    typed.insert(0, "type", row_type)
    if len(typed):  # an empty table would print an empty line
        typer.echo(typed.to_json(orient="records", lines=True), nl=False)

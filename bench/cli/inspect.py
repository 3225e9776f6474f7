"""Commands about what is there: ``holabench presets``, ``models`` and ``doctor``."""

from rich.markup import escape
from rich.table import Table

from bench.cli import options
from bench.cli.console import stdout_console, text_cells
from bench.cli.language import Language
from bench.cli.plan_options import add_models_folder
from bench.formatting import format_duration
from bench.plan.toml import load_plan, preset_names
from bench.translation import N_, gettext, translate_line

_MODEL_HEADINGS = (
    N_("model"),
    N_("transports"),
    N_("protocols"),
    N_("TCP clients"),
    N_("CPUs"),
    N_("description"),
)
_PRESET_HEADINGS = (N_("preset"), N_("duration"), N_("question"))
_DOCTOR_HEADINGS = ("", N_("what"), N_("current"), N_("why it matters"), N_("how to change it"))


def models(models_from: options.ModelsFrom = None, lang: Language = None) -> None:
    """List the server models.

    Example: holabench models
    """
    from bench.experiment.model_catalogue import known_models

    add_models_folder(models_from)
    table = Table(box=None, pad_edge=False)
    for heading in _MODEL_HEADINGS:
        table.add_column(gettext(heading) if heading else "", overflow="fold")
    for model in known_models().values():
        clients = gettext("unlimited") if model.max_tcp_clients is None else str(model.max_tcp_clients)
        cpus = gettext("all") if model.parallel or model.forks else "1"
        unavailable = f" ({translate_line(model.unavailable_reason)})" if model.missing else ""
        represents = (
            gettext(" Represents: {represents}.", represents=gettext(model.represents)) if model.represents else ""
        )
        description = (gettext(model.help) + represents + unavailable).strip()
        transports, protocols = ", ".join(model.transports), ", ".join(model.protocols)
        table.add_row(*text_cells(model.name, transports, protocols, clients, cpus, description))
    stdout_console().print(table)


def presets(lang: Language = None) -> None:
    """List the presets, the question that each one answers, and its duration.

    Example: holabench presets
    """
    from bench.experiment.model_catalogue import known_models
    from bench.plan.time_budget import duration_s

    table = Table(box=None, pad_edge=False)
    for heading in _PRESET_HEADINGS:
        table.add_column(gettext(heading) if heading else "", overflow="fold")
    for name in preset_names():
        preset = load_plan(name)
        # An installed package has no examples, which one preset measures.
        models = known_models(preset, may_refuse=False)
        table.add_row(name, format_duration(duration_s(preset, models)), gettext(preset.question))
    stdout_console().print(table)


def doctor(lang: Language = None) -> int:
    """Check whether this machine is suitable for benchmarking, and how to fix what is not.

    Example: holabench doctor

    Exit codes: 0 suitable; 1 something should be changed before a run.
    """
    from bench.machine.doctor import findings, problems

    checked = findings()
    table = Table(box=None, pad_edge=False)
    for heading in _DOCTOR_HEADINGS:
        table.add_column(gettext(heading) if heading else "", overflow="fold")
    note, bad = gettext("note"), gettext("bad")
    marks = {"good": gettext("ok"), "note": f"[yellow]{note}[/]", "bad": f"[red]{bad}[/]"}
    for finding in checked:
        remedy = "" if finding.state == "good" else escape(finding.remedy)
        table.add_row(marks[finding.state], finding.name, *text_cells(finding.value), finding.why, remedy)
    stdout_console().print(table, highlight=False)
    return 1 if problems(checked) else 0

"""The formats by their names on the command line. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.export.bmf import to_bmf
from bench.export.csv_long import to_csv_long
from bench.export.export import Export, RunFacts
from bench.export.figures import ExportFigure
from bench.export.github_action import BIGGER_IS_BETTER, SMALLER_IS_BETTER, to_github_action
from bench.export.pyperf import to_pyperf


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how a run is converted, and the names of its files if there are several."""

    convert: Callable[[Sequence[ExportFigure], RunFacts], Export]
    file_names: tuple[str, ...] = ()


FORMATS: Mapping[str, Format] = {
    "bmf": Format(to_bmf),
    "github-action": Format(to_github_action, (BIGGER_IS_BETTER, SMALLER_IS_BETTER)),
    "pyperf": Format(to_pyperf),
    "csv-long": Format(to_csv_long),
}

"""The experiment: plan, run, analyse, draw, report.

What imports what:
- ``bench`` starts servers and generator as processes; of their code it imports ``servers.registry`` for names, and
  ``clients.verdicts`` for the one table of codes.
- ``plan``, ``stats``, ``judgement`` and ``analyse`` do no I/O. ``charts`` makes figures and opens no file.
- ``store`` is the only module that knows the names of the files in a run's folder.
- ``analyse``, ``charts`` and ``report`` start no process and can be rerun on a folder made elsewhere: ``derive`` has
  them done, partly by ``helpers``, which are processes.
"""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line starts faster without it
    from bench.store.reader import RunData

__all__ = ["load"]


def load(folder: str | PathLike[str]) -> "RunData":
    """Return a run with its tables as DataFrames: ``load("results/reference").trials``.

    The attributes are ``trials``, ``slices``, ``rounds``, ``resources``, ``histograms``, ``max_rate``, ``summary``,
    ``comparisons``, ``plan``, ``environment`` and ``started_at``. docs/csv-columns.md lists the columns of the tables.
    Raises bench.store.errors.StoreError if the folder is not a run, or of another schema.
    """
    from bench.store.reader import read_run

    return read_run(Path(folder))

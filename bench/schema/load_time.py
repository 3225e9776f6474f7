"""The part of a run in which its servers are under load."""

from dataclasses import dataclass

from bench.formatting import format_duration
from bench.translation import gettext


@dataclass(frozen=True, slots=True)
class LoadTime:
    """The seconds of load in a run, and the seconds from its start to its last block or search.

    load_s: all slices, from the first request to the last reply, those of repeated rounds too. The loads of the
    calibration are not in it. Drawing the report is in neither.
    """

    load_s: float
    run_s: float

    @property
    def share(self) -> float:
        """The part of the time that was load."""
        return self.load_s / self.run_s if self.run_s > 0 else 0.0

    def __str__(self) -> str:
        return gettext("{share:.0%} of {duration}", share=self.share, duration=format_duration(self.run_s))

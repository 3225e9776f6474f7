"""The part of a run in which its servers are under load."""

from dataclasses import dataclass

from bench.formatting import format_duration
from bench.translation import gettext

SHOWN_SHARE = 0.005  # of repeated rounds: what is less prints as 0%


@dataclass(frozen=True, slots=True)
class LoadTime:
    """The seconds of load in a run, and the seconds from its start to its last block or search.

    A load lasts from its first request to its last reply: with its warm-up, and without the wait for replies that
    never came. The loads of the calibration are in ``run_s`` only. Drawing the report is in neither.

    load_s: loads on the server that is measured: all slices that count, and the warm-up before the first round.
    repeated_s: slices of disturbed rounds, which were measured again. They are part of ``run_s``, not of ``load_s``.
    """

    load_s: float
    run_s: float
    repeated_s: float = 0.0

    @property
    def share(self) -> float:
        """The part of the time that was load."""
        return self.load_s / self.run_s if self.run_s > 0 else 0.0

    @property
    def repeated_share(self) -> float:
        """The part of the time that went to rounds which were repeated."""
        return self.repeated_s / self.run_s if self.run_s > 0 else 0.0

    def __str__(self) -> str:
        text = gettext("{share:.0%} of {duration}", share=self.share, duration=format_duration(self.run_s))
        if self.repeated_share < SHOWN_SHARE:
            return text
        return gettext("{load}, and {share:.0%} in rounds that were repeated", load=text, share=self.repeated_share)

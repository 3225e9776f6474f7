"""What the trials of a case say against each of its figures. Pure."""

from dataclasses import dataclass

import pandas as pd

from clients import verdicts

# Codes that say nothing against CPU time and memory: they are of rates, or of the times of single requests.
NOT_OF_COSTS = {"GENERATOR_BUSY", "SHORTFALL", "CEILING", "ADHERENCE", "LATENESS", "TURNAROUND", "POOL"}
COSTS = {"cpu_us_per_request", "rss_mb", "memory_mb"}


@dataclass(frozen=True, slots=True)
class Doubts:
    """Verdict and merged codes of the trials of one case: all of them, and those that concern costs."""

    all: tuple[str, str]
    costs: tuple[str, str]

    def of(self, metric: str) -> tuple[str, str]:
        """Those that concern a metric."""
        return self.costs if metric in COSTS else self.all


NO_DOUBTS = Doubts(("valid", ""), ("valid", ""))


def doubts_of(trials: pd.DataFrame) -> Doubts:
    """Those of the trials of one case."""
    cells = [str(text) for text in trials.loc[trials["status"] == "ok", "codes"].dropna()]
    of_costs = [" ".join(code for code in text.split() if code.partition("=")[0] not in NOT_OF_COSTS) for text in cells]
    failed = int((trials["status"] == "failed").sum())
    return Doubts(_judged(cells, failed), _judged(of_costs, failed))


def _judged(cells: list[str], failed: int) -> tuple[str, str]:
    """cells: the codes of each block. failed: how many blocks did."""
    verdict = verdicts.verdict_of_blocks(cells)
    if not failed:
        return verdict, verdicts.merge(cells)
    return verdicts.worst([verdict, "suspect"]), verdicts.merge([*cells, verdicts.cell("failed_blocks", failed)])

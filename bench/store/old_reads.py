"""Old names of ``RunFolder`` for callers that do not use ``RunData`` yet. Each call reads the folder again."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.plan.definition import Plan
from bench.schema.rows import RateRow
from bench.store.reader import RunData, read_run

if TYPE_CHECKING:
    import pandas as pd


class OldReads:
    """Delegates to ``read_run``. Use ``RunFolder.read`` instead."""

    path: Path

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    def mark_complete(self, blocks: int) -> None:
        """See RunFolder."""
        raise NotImplementedError

    def record_resume(self, environment: Mapping[str, Any]) -> None:
        """See RunFolder."""
        raise NotImplementedError

    def unlock(self) -> None:
        """See RunFolder."""
        raise NotImplementedError

    @classmethod
    def open(cls, path: Path) -> Self:
        """Use ``read_run``."""
        read_run(path)
        return cls(path)

    def _run(self) -> RunData:
        return read_run(self.path)

    def plan(self) -> Plan:
        """Use ``RunData.plan``."""
        return self._run().plan

    def environment(self) -> Mapping[str, Any]:
        """Use ``RunData.environment``."""
        return self._run().environment

    def trials(self) -> "pd.DataFrame":
        """Use ``RunData.trials``."""
        return self._run().trials

    def measured(self) -> "pd.DataFrame":
        """Use ``RunData.check_measured`` and ``RunData.trials``."""
        run = self._run()
        run.check_measured()
        return run.trials

    def limits(self) -> "pd.DataFrame | None":
        """Use ``RunData.max_rate``."""
        return self._run().max_rate

    def finished(self, name: str) -> "pd.DataFrame":
        """Use ``RunData.slices`` and the like."""
        table: pd.DataFrame = getattr(self._run(), name)
        return table

    def rates(self) -> list[RateRow] | None:
        """Use ``RunData.rates``."""
        return self._run().rates

    def finished_blocks(self) -> list[int]:
        """Use ``RunData.finished_blocks``."""
        return self._run().finished_blocks

    @property
    def complete(self) -> bool:
        """Use ``RunData.complete``."""
        return self._run().complete

    def began(self) -> datetime:
        """Use ``RunData.started_at``."""
        return self._run().started_at

    def completed(self) -> None:
        """Use ``mark_complete``."""
        self.mark_complete(len(self.finished_blocks()))

    def resumed(self, environment: Mapping[str, Any]) -> None:
        """Use ``record_resume``."""
        self.record_resume(environment)

    def release(self) -> None:
        """Use ``unlock``."""
        self.unlock()

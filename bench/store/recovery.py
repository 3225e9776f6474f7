"""What a run that was cut off left behind: where its raw files end, and whether its finished blocks are all there.

Pure but for the reading of a file's lines. A run appends block by block, each file synced, trials.csv last. So whatever
it left unfinished stands at the end of a file; anything else was done by somebody, and is not for us to repair: that
could take what was measured.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.schema.rows import DISTURBED

if TYPE_CHECKING:  # a run begins sooner without it
    import pandas as pd

_CASE = ["block", "arm", "scenario", "connections", "message_bytes"]


class NotMendableError(Exception):
    """A file is not as a run that was cut off would leave it: what is wrong with it, in words."""


def whole_blocks(trials: "pd.DataFrame", rows_of_block: int) -> list[int]:
    """The finished blocks of a table of trials as it stands in the file. Raises NotMendableError."""
    sizes = trials.groupby("block", sort=False).size()
    for place, size in enumerate(sizes):
        if size > rows_of_block or (size < rows_of_block and place < len(sizes) - 1):
            raise NotMendableError(
                f"has {size} rows of block {sizes.index[place]}, and plan.toml makes {rows_of_block}"
            )
    return [int(block) for block in sizes.index[sizes == rows_of_block]]


def end_of_blocks(path: Path, whole: set[int]) -> int:
    """Where in a raw file its finished blocks end, in bytes. Raises NotMendableError if one of them is torn."""
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            block = _block(line)
            if not line.endswith(b"\n"):
                if number and block in whole:
                    raise NotMendableError(f"ends within line {number + 1}, which belongs to finished block {block}")
                break
            if number and block not in whole:
                break
            end += len(line)
        if behind := {_block(line) for line in file} & whole:
            raise NotMendableError(f"has rows of finished block {min(behind)} behind those of one that is not finished")
    return end


def _block(line: bytes) -> int:
    """The block that a line of a raw file belongs to; -1 if it is too short to tell."""
    first, comma, _ = line.partition(b",")
    return int(first) if comma and first.isdigit() else -1


def lacking(trials: "pd.DataFrame", rows: "pd.DataFrame", *, counts: bool) -> str:
    """What a companion of trials.csv lacks of its finished blocks, in words; empty if nothing. counts: of requests."""
    measured = trials[trials["status"] == "ok"]
    if missing := set(measured["block"]) - set(rows["block"]):
        return f"has no rows of finished block {min(missing)}"
    if counts:
        sent = rows[rows["codes"] != DISTURBED].groupby(_CASE)["sent"].sum()
        wanted = measured.dropna(subset=["sent"]).set_index(_CASE)["sent"]
        differs = wanted.ne(sent.reindex(wanted.index)).to_numpy()
        if differs.any():
            block, arm, *_ = wanted.index[int(differs.argmax())]
            return f"lacks rows of {arm} in finished block {block}"
    return ""

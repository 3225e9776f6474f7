"""Short names for several folders. Pure."""

from collections.abc import Sequence
from pathlib import Path


def labels(paths: Sequence[Path]) -> list[str]:
    """Return for each folder the shortest end of its path that no other folder shares."""
    all_parts = [path.absolute().parts for path in paths]
    return [str(Path(*_shortest(parts, [other for other in all_parts if other != parts]))) for parts in all_parts]


def _shortest(parts: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    ends = (parts[-count:] for count in range(1, len(parts)))
    return next((end for end in ends if all(other[-len(end) :] != end for other in others)), parts)

"""What to call folders. Pure."""

from collections.abc import Sequence
from pathlib import Path


def labels(paths: Sequence[Path]) -> list[str]:
    """What to call folders: of each the shortest tail of its path that no other has."""
    every = [path.absolute().parts for path in paths]
    return [str(Path(*_shortest(parts, [other for other in every if other != parts]))) for parts in every]


def _shortest(parts: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    tails = (parts[-count:] for count in range(1, len(parts)))
    return next((tail for tail in tails if all(other[-len(tail) :] != tail for other in others)), parts)

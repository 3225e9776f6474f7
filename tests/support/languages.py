"""Texts in another language during a test."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.translation import ENGLISH, use_language


@contextmanager
def spanish_texts() -> Iterator[None]:
    """Translate into Spanish meanwhile."""
    use_language("es")
    try:
        yield
    finally:
        use_language(ENGLISH)

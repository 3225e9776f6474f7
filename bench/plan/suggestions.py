"""Suggestions for misspelt names."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, names: Iterable[str], quote: str = "'") -> str:
    """Return ``; did you mean 'select'?``, or "" if no name is close."""
    closest = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {quote}{closest[0]}{quote}?" if closest else ""

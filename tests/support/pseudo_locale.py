"""A language that marks every translated text, so that a test finds the texts that are not translated."""

import gettext
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bench.translation import ENGLISH, use_catalogue, use_language

# The values of a text, and " (": a label is cut there to leave its unit out.
_PLACEHOLDER = re.compile(r"(\{\w*(?:[!:][^{}]*)?\}|%\(\w+\)s| \()")
_MARKED = re.compile(r"⟦[^⟦⟧]*⟧")
# What is the same in every language.
_NAMES = re.compile(
    r"""[\w./-]+\.(?:csv|md|html|png|svg|toml|gz)\b  # files
    | \b(?:\w+/)?(?:tcp|udp|TCP|UDP)\b  # arms, transports
    | \b[A-Z][A-Z_]{3,}(?:@p[\d.]+)?\b  # quality codes
    | \b\w+_\w+\b  # columns, plan keys, models
    | --[a-z-]+  # options
    | \bp(?:\d[\d.]*)\b  # percentiles
    | \b\d[\d,.]*\s?(?:µs|us|ms|s|min|k|M|MB|KiB|B)?(?:/s)?\b  # numbers with their units
    | \b(?:asyncio|select|iterative|multiprocessing|epoll|native|holabench|UTC|Holm|CPUs?|RSS|µs|us|ms|MB|KiB)\b
    """,
    re.VERBOSE,
)


class MarkedTexts(gettext.NullTranslations):
    """Every text between ``⟦`` and ``⟧``, except the values at its placeholders: these are texts of their own."""

    def gettext(self, message: str) -> str:
        """Return the marked message."""
        return _mark(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the marked form for a number."""
        return _mark(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        """Return the marked message."""
        return _mark(f"{context}: {message}")


def _mark(message: str) -> str:
    """Return ``⟦block ⟧{number}⟦ of ⟧{blocks}`` for ``block {number} of {blocks}``."""
    parts = _PLACEHOLDER.split(message)
    return "".join(part if index % 2 else f"⟦{part}⟧" for index, part in enumerate(parts) if part)


@contextmanager
def marked_texts() -> Iterator[None]:
    """Mark every translated text meanwhile."""
    use_catalogue("marked", MarkedTexts())
    try:
        yield
    finally:
        use_language(ENGLISH)


def find_untranslated(texts: Iterable[str], names: Iterable[str] = ()) -> list[str]:
    """Return the words, with their lines, that are neither marked nor a name, a number, a unit or a code.

    names: further words that are the same in every language, e.g. those of the plan.
    """
    allowed = set(names)
    found: dict[str, None] = {}
    for text in texts:
        rest = text
        while (inner := _MARKED.sub(" ", rest)) != rest:  # a text may contain others
            rest = inner
        for line in rest.splitlines():
            words = re.findall(r"[^\W\d_]{2,}", _NAMES.sub(" ", line))
            found |= {f"{word} in {line.strip()}": None for word in words if word not in allowed}
    return list(found)

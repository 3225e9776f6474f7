"""The words of CSV cells for people: a verdict, a status, a conclusion. The cells themselves are English everywhere."""

from bench.translation import N_, gettext

_WORDS = (
    N_("valid"),
    N_("suspect"),
    N_("invalid"),
    N_("ok"),
    N_("failed"),
    N_("skipped"),
    N_("missing"),
    N_("faster"),
    N_("slower"),
    N_("equivalent"),
    N_("inconclusive"),
)


def in_words(code: str) -> str:
    """Return a verdict, a status or a conclusion in the language of the reader; another text as it is."""
    return gettext(code) if code in _WORDS else code

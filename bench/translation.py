"""Text for people in the language of the reader, by gettext.

The sources contain the English text. ``use_language`` selects the catalogue that replaces it, once per process.
``tests/lint/catalogue.py`` collects the texts: those in calls of ``gettext``, ``ngettext``, ``pgettext`` and ``N_``.

f-strings cannot be collected, because their values are in the text before anything could translate it. So the text has
the names of its values, and the values follow: ``gettext("{after} compared with {before}", after=..., before=...)``.
"""

import gettext as catalogues
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOMAIN, LOCALE_FOLDER = "holabench", Path(__file__).parent / "locale"
ENGLISH = "en"
LANGUAGES = (ENGLISH, "es")

# One per process, as the locale is: a command has one reader.
_language = ENGLISH
_catalogue = catalogues.NullTranslations()


class UnknownLanguageError(ValueError):
    """There is no catalogue for a language."""


def use_language(language: str) -> None:
    """Translate into a language from now on. Raises UnknownLanguageError."""
    if language not in LANGUAGES:
        raise UnknownLanguageError(f"{language!r} is not a language of holabench; choose {' or '.join(LANGUAGES)}")
    use_catalogue(
        language,
        catalogues.NullTranslations()
        if language == ENGLISH
        else catalogues.translation(DOMAIN, LOCALE_FOLDER, [language]),
    )


def use_catalogue(language: str, catalogue: catalogues.NullTranslations) -> None:
    """Translate by a catalogue from now on, e.g. by that of a test."""
    global _language, _catalogue  # see above
    _language, _catalogue = language, catalogue


def current_language() -> str:
    """Return the language of the texts, for the attribute ``lang`` of a page and for other processes."""
    return _language


def preferred_language(environment: Mapping[str, str]) -> str:
    """Return the first language of the locale that has a catalogue; English for none.

    As in GNU gettext the locale is the first of LC_ALL, LC_MESSAGES and LANG that is set, and the list LANGUAGE comes
    before it, unless the locale is ``C``.
    """
    locale = next(filter(None, (environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "C")
    if locale in ("C", "POSIX"):
        return ENGLISH
    wanted = [*environment.get("LANGUAGE", "").split(":"), locale]
    codes = [name.partition(".")[0].partition("@")[0].partition("_")[0] for name in wanted]  # es_AR.UTF-8@euro: es
    return next((code for code in codes if code in LANGUAGES), ENGLISH)


def gettext(message: str, **values: Any) -> str:
    """Return the text of a message, with the values at their names: ``gettext("block {number}", number=3)``."""
    return _fill(_catalogue.gettext(message), values) if message else ""  # the catalogue's header is the text of ""


def ngettext(singular: str, plural: str, count: int, **values: Any) -> str:
    """Return the text for a number of things. The number is ``{count}``, too."""
    return _fill(_catalogue.ngettext(singular, plural, count), {"count": count, **values})


def pgettext(context: str, message: str, **values: Any) -> str:
    """Return the text of a message that needs another translation elsewhere. context: what it is about."""
    return _fill(_catalogue.pgettext(context, message), values)


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Return the message as it is: it is collected here, and translated where it is shown."""
    return message


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return text.format(**values) if values else text

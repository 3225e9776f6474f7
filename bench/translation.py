"""Text for people in the language of the reader, by gettext.

The sources contain the English text. ``use_language`` selects the catalogue that replaces it, once per process.
``tests/lint/catalogue.py`` collects the texts: those in calls of ``gettext``, ``ngettext``, ``pgettext`` and ``N_``.

f-strings cannot be collected, because their values are in the text before anything could translate it. So the text has
the names of its values, and the values follow: ``gettext("{after} compared with {before}", after=..., before=...)``.
"""

import functools
import gettext as catalogues
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

DOMAIN, LOCALE_FOLDER = "holabench", Path(__file__).parent / "locale"
ENGLISH = "en"
LANGUAGES = (ENGLISH, "es")

_PLACEHOLDER = re.compile(r"\{(\w+)(?:[!:][^{}]*)?\}")
_OPTION = re.compile(r"--[a-z-]+( [^:]*)?: ")  # what an error is about
_SUBJECT = re.compile(r"\S+: |\w+ = .+? (?=must be |is not )")  # the same: a host, an address, a file, or a key
_SURE_LETTERS, _LONG_LETTERS = 12, 40
_FREE_VALUES = {
    "os_reason",
    "strerror",
    "reason",
    "tail",
    "line",
    "remedy",
}  # words of the operating system or of a server
_NUMBER = r"[\d.,]*\d[kM]?"
_VALUES = {"count": _NUMBER, "connections": _NUMBER, "clients": _NUMBER, "option": r"\S*"}  # that are never texts
_MIN_LETTERS = 4  # of the English text; a text of placeholders and commas would fit every line

# One per process, as the locale is: a command has one reader.
_language = ENGLISH
_catalogue = catalogues.NullTranslations()


class UnknownLanguageError(ValueError):
    """There is no catalogue for a language."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An English text as a pattern, and its translation. letters: how many the text has besides its values."""

    whole: re.Pattern[str]
    translation: str
    letters: int
    is_prefix: bool  # of other texts, e.g. the name of a file

    @classmethod
    def of(cls, english: str, translation: str) -> Self:
        """Return the pattern of a text of the catalogue."""
        parts = _PLACEHOLDER.split(english)
        is_prefix = english.endswith((": ", "; "))
        value = f"[^{english[-2]}]*?" if is_prefix else ".*?"
        seen: set[str] = set()
        pattern = ""
        for literal, name in zip(parts[::2], [*parts[1::2], ""], strict=True):
            pattern += re.escape(literal.replace("{{", "{").replace("}}", "}"))
            if name:
                pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{_VALUES.get(name, value)})"
                seen.add(name)
        letters = sum(letter.isalpha() for literal in parts[::2] for letter in literal)
        plain = _PLACEHOLDER.sub(r"{\1}", translation)  # the values in the line are formatted
        return cls(re.compile(pattern, re.DOTALL), plain if seen else _escape(plain), letters, is_prefix)


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


def translate_line(line: str) -> str:
    """Return an English line of the sources in the language of the reader; as it is if the catalogue lacks it.

    For lines that are recorded in English, e.g. the reason of a skipped case in a CSV file, and for those of code that
    knows no reader, e.g. the error of a plan. The text of the catalogue that has most letters in common is taken, and
    the values at its names are translated, too, unless they are single words: those are names.
    """
    return line if _language == ENGLISH else _translate(line, _patterns(_language))


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _translate(line: str, patterns: Sequence[_Pattern]) -> str:
    """Translate a line, or else its beginning and its end, or else its parts between semicolons."""
    for pattern in patterns:
        if (match := pattern.whole.fullmatch(line)) and (
            values := _translate_values(match, pattern, patterns)
        ) is not None:
            return pattern.translation.format(**values)
    if option := _OPTION.match(line):
        return option[0] + _translate(line[option.end() :], patterns)
    for pattern in patterns:
        if pattern.is_prefix and (match := pattern.whole.match(line)):
            values = _translate_values(match, pattern, patterns)
            if values is not None:
                return pattern.translation.format(**values) + _translate(line[match.end() :], patterns)
    if subject := _SUBJECT.match(line):
        rest = line[subject.end() :]
        translated = _translate(rest, patterns) if " " in rest else rest
        if translated != rest:
            return subject[0] + translated
    first, separator, rest = line.partition("; ")
    if not separator:
        return line
    translated = _translate(separator + rest, patterns) if first else separator + _translate(rest, patterns)
    return _translate(first, patterns) + translated if first else translated


def _translate_values(match: re.Match[str], pattern: _Pattern, patterns: Sequence[_Pattern]) -> dict[str, str] | None:
    """Return the values of a line in the language of the reader; None if the line has no more than words in common.

    A short text, e.g. ``{name}: failed``, fits many lines, so each of its values is one word or translated.
    """
    values = match.groupdict()
    translated = {
        name: _translate(value, patterns) if " " in value and value != match.string else value
        for name, value in values.items()
    }
    unknown = [value for name, value in values.items() if " " in value.strip() and translated[name] == value]
    is_short = pattern.letters < _SURE_LETTERS and not values.keys() & _FREE_VALUES
    is_other_text = any("; " in value for value in unknown) and pattern.letters < _LONG_LETTERS
    return None if (is_short and unknown) or is_other_text else translated


@functools.cache
def _patterns(language: str) -> tuple[_Pattern, ...]:
    """Return the patterns of all texts of a catalogue, those with the most letters first."""
    found = catalogues.find(DOMAIN, LOCALE_FOLDER, [language])
    texts = _read_texts(Path(found).read_bytes()) if found else []
    patterns = [_Pattern.of(english, translation) for english, translation in texts]
    return tuple(sorted((each for each in patterns if each.letters >= _MIN_LETTERS), key=lambda each: -each.letters))


def _read_texts(compiled: bytes) -> Iterator[tuple[str, str]]:
    """Yield the English texts of a compiled catalogue with their translations; plurals one by one.

    Python's own reader forgets the English plurals.
    """
    count, ids, strings = struct.unpack_from("<3I", compiled, 8)
    for index in range(count):
        id_size, id_at = struct.unpack_from("<2I", compiled, ids + 8 * index)
        size, at = struct.unpack_from("<2I", compiled, strings + 8 * index)
        forms = compiled[id_at : id_at + id_size].decode().rpartition("\x04")[2].split("\0")
        yield from zip(forms, compiled[at : at + size].decode().split("\0"), strict=False)

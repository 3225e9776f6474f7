"""The option --lang: the language of what a command writes for people."""

import itertools
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from bench.translation import LANGUAGES, UnknownLanguageError, preferred_language, use_language
from clients.cli_errors import Stop


def use_language_of_command_line(arguments: Sequence[str]) -> None:
    """Translate into the language of a command line that may be wrong elsewhere, so that its error is translated, too.

    The option itself refuses an unknown language.
    """
    following = itertools.pairwise(arguments)
    requested = [value for option, value in following if option == "--lang"]
    requested += [argument.removeprefix("--lang=") for argument in arguments if argument.startswith("--lang=")]
    language = next((each for each in requested if each in LANGUAGES), preferred_language(os.environ))
    use_language(language)


def _use(requested: str | None) -> str:
    """Translate from now on into the requested language, or into that of the locale. Raises Stop."""
    language = requested or preferred_language(os.environ)
    try:
        use_language(language)
    except UnknownLanguageError as error:
        raise Stop(f"--lang: {error}") from error
    return language


Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="LANGUAGE",
        rich_help_panel="Output",
        callback=_use,
        is_eager=True,  # before anything is translated
        help=f"Language of tables, charts and reports: {' or '.join(LANGUAGES)}. Data, codes and --json are English. "
        "Default: that of the locale (LANGUAGE, LC_ALL, LC_MESSAGES, LANG) if there is a translation, or else English.",
    ),
]

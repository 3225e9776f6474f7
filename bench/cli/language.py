"""The option --lang: the language of what a command writes for people."""

import os
from typing import Annotated

import typer

from bench.translation import LANGUAGES, UnknownLanguageError, preferred_language, use_language
from clients.cli_errors import Stop


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

import pytest

from bench.translation import (
    ENGLISH,
    LANGUAGES,
    UnknownLanguageError,
    current_language,
    gettext,
    ngettext,
    preferred_language,
    translate_line,
    use_language,
)
from tests.support.languages import spanish_texts


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "es"}, "es"),
        ({"LANG": "es_AR.UTF-8@euro"}, "es"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LC_MESSAGES": "es_ES.UTF-8", "LANG": "en_GB.UTF-8"}, "es"),
        ({"LC_ALL": "en_GB.UTF-8", "LC_MESSAGES": "es_ES.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "ca:es:en"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LANGUAGE": "en:es"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de"}, "en"),
        ({"LANG": "C", "LANGUAGE": "es"}, "en"),
        ({"LC_ALL": "POSIX", "LANG": "es_ES.UTF-8"}, "en"),
    ],
)
def test_language_follows_the_locale_as_in_gnu_gettext(environment: dict[str, str], language: str) -> None:
    assert preferred_language(environment) == language


def test_english_text_is_that_of_the_sources() -> None:
    assert gettext("{after} compared with {before}", after="B", before="A") == "B compared with A"
    assert [ngettext("{count} block", "{count} blocks", count) for count in (0, 1, 2)] == [
        "0 blocks",
        "1 block",
        "2 blocks",
    ]


def test_spanish_text_comes_from_the_catalogue() -> None:
    with spanish_texts():
        assert gettext("{after} compared with {before}", after="B", before="A") == "B comparado con A"
        assert [ngettext("{count} block", "{count} blocks", count) for count in (0, 1, 2)] == [
            "0 bloques",
            "1 bloque",
            "2 bloques",
        ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_text_stays_empty_in_every_language(language: str) -> None:
    try:
        use_language(language)
        assert gettext("") == ""
    finally:
        use_language(ENGLISH)


def test_text_without_a_translation_stays_english() -> None:
    with spanish_texts():
        assert gettext("a question of a user's plan") == "a question of a user's plan"


def test_braces_of_a_value_are_no_placeholders() -> None:
    assert gettext("missing: {text}", text="{port}") == "missing: {port}"


def test_unknown_language_is_refused_and_changes_nothing() -> None:
    with pytest.raises(UnknownLanguageError, match=r"'xx' is not a language of holabench; choose en or es"):
        use_language("xx")
    assert current_language() == ENGLISH


@pytest.mark.parametrize(
    ("line", "spanish"),
    [
        ("must be at least 1", "debe ser como mínimo 1"),
        (
            "plan p.toml: scenario 'y': the key `seconds` is missing",
            "plan p.toml: escenario 'y': falta la clave `seconds`",
        ),
        (
            "iterative is designed for 1 persistent TCP client at a time",
            "iterative está pensado para 1 cliente TCP persistente a la vez",
        ),
        ("capacity: round 1, 2 of 3 servers undecided", "capacity: ronda 1, 2 de 3 servidores sin decidir"),
        ("a text of a user", "a text of a user"),
    ],
)
def test_recorded_line_is_translated_with_its_values(line: str, spanish: str) -> None:
    assert translate_line(line) == line
    with spanish_texts():
        assert translate_line(line) == spanish

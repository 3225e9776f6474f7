from babel.messages.catalog import Message

from tests.lint.catalogue import collect_messages, find_problems, problems_of, translated_languages


def test_translations_are_complete_compiled_and_have_the_same_placeholders() -> None:
    template = collect_messages()
    assert [problem for language in translated_languages() for problem in find_problems(language, template)] == []


def test_messages_come_from_code_templates_quality_codes_and_presets() -> None:
    found = {message.id for message in collect_messages() if isinstance(message.id, str)}
    assert found >= {
        "How many requests per second can each server answer?",  # marked by N_
        "Server architectures compared",  # of a template
        "no correct reply",  # of a quality code
        "Which model serves the most requests at one load?",  # of a preset
    }


def problems(message: Message) -> list[str]:
    return list(problems_of(message, 2))


def test_message_without_translation_is_found() -> None:
    assert problems(Message("block", "")) == ["not translated: 'block'"]
    assert problems(Message(("{count} block", "{count} blocks"), ("{count} bloque", ""))) == [
        "not translated: '{count} block'"
    ]


def test_fuzzy_translation_is_found() -> None:
    assert problems(Message("block", "ronda", flags={"fuzzy"})) == ["fuzzy: 'block'"]


def test_other_placeholders_are_found() -> None:
    assert problems(Message("{share:.1f}% of {names}", "{share:.1f}% de {names}")) == []
    assert problems(Message("{share:.1f}% of {names}", "{share}% de {names}")) != []
    assert problems(Message("Seed %(seed)s.", "Semilla %(semilla)s.")) != []
    assert problems(Message("{} of requests", "de las peticiones")) != []
    assert problems(Message(("{count} block", "{count} blocks"), ("{count} bloque", "bloques"))) != []

"""Check the translations, or update them: ``python -m tests.lint.catalogue [--update]``.

A message is a text for people in a call of ``gettext``, ``ngettext``, ``pgettext`` or ``N_``, or in a template between
``trans`` and ``endtrans``, or a text of the catalogue of quality codes or of the heat map, or the question of a preset,
or the description of a server model. Without an option the command reports what is missing in a language, fuzzy,
obsolete, or has other placeholders than the English text, and whether the compiled file is out of date. It then exits
with code 1.

``--update`` writes new messages into the ``.po`` files, moves those that are no longer used to their ends, and compiles
them. The compiled ``.mo`` files are part of the repository: then a checkout, an editable install and a wheel have them
without a step of the build that could be forgotten, and this check keeps them equal to their sources.
"""

import argparse
import io
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bench.translation import DOMAIN, ENGLISH, LANGUAGES, LOCALE_FOLDER
from clients.heat_map import ENGLISH as HEAT_MAP_WORDS
from clients.quality_catalogue import CATALOGUE
from servers import registry
from tests.lint.phrases import ROOT
from tests.lint.sentences import sentences

KEYWORDS = {"gettext": None, "_": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
METHODS = [("**.py", "python"), ("**.j2", "jinja2")]
# As bench.report.html_pages sets the templates up.
OPTIONS = {"**.j2": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false", "newstyle_gettext": "true"}}
PERCENT_PLACEHOLDER = re.compile(r"%\((\w+)\)s")  # of templates
BRACE_PLACEHOLDER = re.compile(r"\{(\w*)(?:[!:][^{}]*)?\}")  # of Python code
WIDTH = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong and return the exit code; with ``--update`` write the files first."""
    parser = argparse.ArgumentParser(prog="python -m tests.lint.catalogue", description="Check the translations.")
    parser.add_argument("--update", action="store_true", help="write new messages, and compile the translations")
    options = parser.parse_args(arguments)
    template = collect_messages()
    problems: list[str] = []
    for language in translated_languages():
        if options.update:
            update(language, template)
        problems += [f"{language}: {problem}" for problem in find_problems(language, template)]
    for problem in problems:
        print(problem)  # noqa: T201 - the result of the command
    return 1 if problems else 0


def translated_languages() -> list[str]:
    """Return the languages that need a catalogue."""
    return [language for language in LANGUAGES if language != ENGLISH]


def collect_messages() -> Catalog:
    """Return all messages of the sources, without translations."""
    template = Catalog(domain=DOMAIN, charset="utf-8", fuzzy=False)
    found = extract_from_dir(ROOT / "bench", METHODS, OPTIONS, KEYWORDS)
    for path, _, text, _, context in found:
        template.add(text, locations=[(f"bench/{path}", 0)], context=context)
    for code in CATALOGUE.values():
        for text in filter(None, (code.short, code.meaning, code.advice)):
            template.add(text, locations=[("clients/quality_catalogue.py", 0)])
    heat_map = (("clients/heat_map.py", text) for text in astuple(HEAT_MAP_WORDS))
    for path, text in (*questions_of_presets(), *texts_of_models(), *heat_map, *sentences()):
        template.add(text, locations=[(path, 0)])
    for message in template:  # Babel takes a per cent sign in a sentence for a placeholder of the % operator
        if message.id and not PERCENT_PLACEHOLDER.search("".join(message.id)):
            message.flags.discard("python-format")
    return template


def questions_of_presets() -> Iterator[tuple[str, str]]:
    """Yield the path of each preset, and the questions of it and of its scenarios."""
    for file in sorted((ROOT / "bench/plan/presets").glob("*.toml")):
        plan = tomllib.loads(file.read_text(encoding="utf-8"))
        for table in (plan, *plan.get("scenarios", ())):
            if "question" in table:
                yield str(file.relative_to(ROOT)), table["question"]


def texts_of_models() -> Iterator[tuple[str, str]]:
    """Yield the file of each server model, and what its docstring says about it."""
    for name in registry.names():
        model = registry.describe(name)
        for text in filter(None, (model.help, model.represents)):
            yield f"servers/models/{name}.py", text


def update(language: str, template: Catalog) -> None:
    """Write the messages of the sources into the catalogue of a language, and compile it."""
    path = po_path(language)
    catalogue = read_catalogue(language) if path.exists() else Catalog(language, DOMAIN, charset="utf-8", fuzzy=False)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.fuzzy = False
    for message in catalogue:
        message.locations = list(dict.fromkeys(message.locations))
    text = io.BytesIO()
    write_po(text, catalogue, width=WIDTH, include_lineno=False, omit_header=False, sort_by_file=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue())
    path.with_suffix(".mo").write_bytes(compile_catalogue(language))


def find_problems(language: str, template: Catalog) -> Iterator[str]:
    """Yield a line for each problem of a catalogue."""
    catalogue = read_catalogue(language)
    expected = {(message.context, key_of(message)) for message in template if message.id}
    present = {(message.context, key_of(message)) for message in catalogue if message.id}
    hint = "run python -m tests.lint.catalogue --update"
    yield from (f"not in the catalogue: {text!r}; {hint}" for _, text in sorted(expected - present, key=str))
    yield from (f"no longer in the sources: {text!r}; {hint}" for _, text in sorted(present - expected, key=str))
    for message in catalogue:
        if message.id:
            yield from problems_of(message, catalogue.num_plurals)
    if po_path(language).with_suffix(".mo").read_bytes() != compile_catalogue(language):
        yield f"the compiled file is out of date; {hint}"


def problems_of(message: Message, forms: int) -> Iterator[str]:
    """Yield what is wrong with the translation of a message. forms: plural forms of the language."""
    texts = texts_of(message.string)
    if len(texts) != (forms if message.pluralizable else 1) or not all(texts):
        yield f"not translated: {key_of(message)!r}"
        return
    if message.fuzzy:
        yield f"fuzzy: {key_of(message)!r}"
    wanted = placeholders(texts_of(message.id)[-1])  # a singular may say "one"
    for text in texts:
        if placeholders(text) != wanted:
            yield f"other placeholders: {key_of(message)!r}: {text!r}"


def placeholders(text: str) -> Counter[str]:
    """Return the placeholders of a message, with their formats: ``{share:.1f}``, ``%(name)s``, ``{}``."""
    kinds = (BRACE_PLACEHOLDER, PERCENT_PLACEHOLDER)
    return Counter(match.group() for kind in kinds for match in kind.finditer(text))


def texts_of(text: str | Iterable[str] | None) -> list[str]:
    """Return the forms of a text: one, or one for each plural; none for a text that is not there."""
    return [text] if isinstance(text, str) else list(text or ())


def key_of(message: Message) -> str:
    """Return the English text of a message; of its singular if it has a plural."""
    return texts_of(message.id)[0]


def po_path(language: str) -> Path:
    """Return the file of the translations of a language."""
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read_catalogue(language: str) -> Catalog:
    """Return the translations of a language."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN, charset="utf-8")


def compile_catalogue(language: str) -> bytes:
    """Return the compiled translations of a language: the content of its ``.mo`` file."""
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(language))
    return compiled.getvalue()


if __name__ == "__main__":
    sys.exit(main())

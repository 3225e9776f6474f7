"""Report avoided phrases: ``python -m tests.lint.phrases [FILE ...]``.

Prints ``file:line: phrase -> suggestion`` for each occurrence in code, comments, documents and tests, and exits with
code 1 if there is one. It also reports test names of more than 70 characters, and docstrings that start with a
relative clause. Without arguments it reads every text file of the repository.
"""

import argparse
import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("phrases.toml")
SUFFIXES = {".cfg", ".html", ".j2", ".md", ".py", ".toml", ".yaml", ".yml"}
MAX_TEST_NAME = 70
LINE_END = r"\s*\n\s*(?:# )?"  # with the comment sign of the next line
RELATIVE = {"How", "What", "Where", "Whether", "Which", "Who", "Whoever"}


class Phrase(NamedTuple):
    """A pattern and what to write instead."""

    pattern: re.Pattern[str]
    suggestion: str


class Finding(NamedTuple):
    """One occurrence."""

    file: Path
    line: int
    text: str
    suggestion: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text} -> {self.suggestion}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lint.phrases", description="Report avoided phrases.")
    parser.add_argument("files", nargs="*", type=Path, help="files to check (default: the whole repository)")
    parser.add_argument("--max-docstring-line", type=int, default=120, help="of a first line (default: %(default)s)")
    options = parser.parse_args(arguments)
    files = options.files or list_files()
    settings = tomllib.loads(LIST.read_text(encoding="utf-8"))
    skipped = [ROOT / path for path in settings["skip"]]
    history = [ROOT / path for path in settings["history"]]
    phrases, former_names = compile_phrases(settings["phrases"]), compile_phrases(settings["former_names"])
    findings: list[Finding] = []
    for file in files:
        path = file if file.is_absolute() else ROOT / file
        if path.suffix in SUFFIXES and not any(path.is_relative_to(skip) for skip in skipped):
            text = path.read_text(encoding="utf-8")
            findings += find_phrases(file, text, phrases if path in history else phrases + former_names)
            findings += find_docstring_faults(file, text, max_length=options.max_docstring_line)
            findings += find_long_test_names(file, text)
    for finding in findings:
        print(finding)  # noqa: T201 - the result of the command
    return 1 if findings else 0


def list_files() -> list[Path]:
    """Return the repository's files relative to its root, including new ones that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(name) for name in names if (ROOT / name).is_file()]


def compile_phrases(table: dict[str, str]) -> list[Phrase]:
    """Return the patterns of the list.

    A word's neighbours may be underscores, so that identifiers match, too. A space also matches the end of a line.
    """
    return [
        Phrase(re.compile(rf"(?<![A-Za-z])(?:{_wrap_lines(pattern)})(?![A-Za-z])", _flags(pattern)), suggestion)
        for pattern, suggestion in table.items()
    ]


def find_phrases(file: Path, text: str, phrases: Sequence[Phrase]) -> Iterator[Finding]:
    """Yield every occurrence of a phrase, in the order of the lines."""
    matches = [(match, phrase.suggestion) for phrase in phrases for match in phrase.pattern.finditer(text)]
    for match, suggestion in sorted(matches, key=lambda found: found[0].start()):
        yield Finding(file, text.count("\n", 0, match.start()) + 1, re.sub(LINE_END, " ", match[0]), suggestion)


def find_docstring_faults(file: Path, text: str, *, max_length: int) -> Iterator[Finding]:
    """Yield docstrings whose first line is a relative clause or too long."""
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        summary = (ast.get_docstring(node) or "").partition("\n")[0]
        beginning = " ".join(summary.split()[:3])
        if summary.partition(" ")[0] in RELATIVE:
            yield Finding(file, node.body[0].lineno, beginning, "a docstring starts with a verb or a noun")
        if len(summary) > max_length:
            suggestion = f"a first line of at most {max_length} characters, not {len(summary)}"
            yield Finding(file, node.body[0].lineno, beginning, suggestion)


def find_long_test_names(file: Path, text: str) -> Iterator[Finding]:
    """Yield the test functions whose names are too long."""
    if file.suffix != ".py" or not file.name.startswith("test_"):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > MAX_TEST_NAME:
            suggestion = f"a name of at most {MAX_TEST_NAME} characters, not {len(node.name)}"
            yield Finding(file, node.lineno, node.name, suggestion)


def _wrap_lines(pattern: str) -> str:
    """Let each space outside of a lookbehind match the end of a line, too."""
    return re.sub(r"(\(\?<[!=][^)]*\))| ", lambda match: match[1] or f"(?: |{LINE_END})", pattern)


def _flags(pattern: str) -> re.RegexFlag:
    """Ignore case, unless the pattern is about capital letters."""
    return re.RegexFlag(0) if re.search(r"[A-Z]{2}", pattern) else re.IGNORECASE


if __name__ == "__main__":
    sys.exit(main())

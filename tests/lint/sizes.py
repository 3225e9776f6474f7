"""Report files and functions that are too long: ``python -m tests.lint.sizes``.

Prints ``file:line: name has N lines`` for each, and exits with code 1 if there is one. A reader keeps a short function
in view as a whole, and finds a part of a short file without searching.
"""

import ast
import sys
from collections.abc import Iterator

from tests.lint.phrases import ROOT, list_files

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80  # from its name on; decorators do not count


def main() -> int:
    """Print the findings and return the exit code."""
    findings = [
        f"{file}:{finding}"
        for file in list_files()
        if file.suffix == ".py"
        for finding in find_long_parts((ROOT / file).read_text(encoding="utf-8"))
    ]
    for finding in findings:
        print(finding)  # noqa: T201 - the result of the command
    return 1 if findings else 0


def find_long_parts(source: str) -> Iterator[str]:
    """Yield a description of the file if it is too long, and of each function that is."""
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"1: the file has {lines} lines; the maximum is {MAX_FILE_LINES}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {lines} lines; the maximum is {MAX_FUNCTION_LINES}"


if __name__ == "__main__":
    sys.exit(main())

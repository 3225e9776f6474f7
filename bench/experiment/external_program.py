"""Find out without starting it whether the program of an external server can be started."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.plan.external_server import PLACEHOLDERS, ExternalServer

_INTERPRETER = re.compile(r"(python|pypy|php|node|ruby|perl|lua|deno|bun)[\d.]*\Z")
_SCRIPT = re.compile(r".*\.(py|php|m?js|ts|rb|pl|lua)\Z", re.DOTALL)
_START_BYTES = 256  # of a program: enough for the line that names its interpreter
_RUNTIME = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")  # has its value only when the server is started


def find_missing_program(server: ExternalServer) -> str:
    """Return the name of the program if it is not on the server's PATH, or "".

    A path is another matter, see ``find_problem``. server: with its values.
    """
    program = _program_words(server)[0]
    if "/" in program or _RUNTIME.search(program):
        return ""
    return "" if shutil.which(program, path=server.environment.get("PATH")) else program


def find_problem(server: ExternalServer) -> str:
    """Return why the program of a server cannot be started and what to do, or "". server: with its values."""
    folder = "" if _RUNTIME.search(server.folder) else server.folder
    if folder and not Path(folder).is_dir():
        remedy = "; write the whole path: only a shell replaces ~" if folder.startswith("~") else ""
        return f"folder = {folder!r} " + ("is not a directory" if Path(folder).exists() else f"does not exist{remedy}")
    if not server.command:
        return ""
    words = _program_words(server)
    if "/" in words[0] and not _RUNTIME.search(words[0] + server.folder):
        problem = _find_problem_of_path(words[0], server)
        if problem:
            return problem
    script = _script_of(words)
    if script and not _RUNTIME.search(script + server.folder) and not Path(folder, script).exists():
        return f"{script!r}, which {Path(words[0]).name} is to run, does not exist{_where(script, folder)}"
    return ""


def _program_words(server: ExternalServer) -> Sequence[str]:
    """Return the command from its program on: without ``env`` and the variables that it sets."""
    words = server.command
    if Path(words[0]).name == "env":
        rest = [k for k, word in enumerate(words) if k and not re.match(r"-|\w+=", word)]
        return words[rest[0] :] if rest else words
    return words


def _find_problem_of_path(program: str, server: ExternalServer) -> str:
    path = Path(server.folder, program)
    if not path.exists():
        return f"{program!r} does not exist{_where(program, server.folder)}"
    if path.is_dir():
        return f"{program!r} is a directory; name the program in it"
    if not os.access(path, os.X_OK):
        return f"{program!r} is not executable; run chmod +x {path}, or name its interpreter, e.g. python3 {program}"
    return _find_problem_of_script(program, path, server.environment.get("PATH"))


def _find_problem_of_script(program: str, path: Path, search_path: str | None) -> str:
    """Return why the kernel would not execute a file that is not a binary."""
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except OSError:  # a program may be executable without being readable
        return ""
    if start.startswith(b"#!"):
        interpreter, _, argument = start[2:].partition(b"\n")[0].decode(errors="replace").strip().partition(" ")
        if not Path(interpreter).exists():
            return f"{program!r} cannot be started: its first line names {interpreter}, which does not exist"
        if Path(interpreter).name == "env" and not argument.startswith("-"):
            name = argument.strip()
            if name and shutil.which(name, path=search_path) is None:
                return f"{program!r} cannot be started: its first line names {name}, which was not found"
        return ""
    if start and not start.startswith(b"\x7fELF") and all(byte >= 32 or byte in b"\t\r\n" for byte in start):
        return f"{program!r} is a text without #! in its first line; name its interpreter, e.g. python3 {program}"
    return ""


def _script_of(words: Sequence[str]) -> str:
    """Return the script that an interpreter is given, or "" if the command is not of this kind."""
    if not _INTERPRETER.match(Path(words[0]).name):
        return ""
    for word in words[1:]:
        if word in ("-c", "-m", "-e", "-r", "-"):
            return ""
        if not word.startswith("-"):
            return word if _SCRIPT.match(word) else ""
    return ""


def _where(path: str, folder: str) -> str:
    """Return where a relative path was looked for, as the end of a message."""
    if path.startswith("/"):
        return ""
    if not folder:
        return f" in the current directory, {Path.cwd()}"
    elsewhere = f"; the one in the current directory is {Path(path).resolve()}" if Path(path).exists() else ""
    return f" in folder = {folder!r}, where a relative path starts{elsewhere}"

"""Which models there are: every module in ``servers.models`` is one, and nothing else names them."""

from __future__ import annotations

import importlib

from servers import models

TYPE_CHECKING = False  # the module typing would cost 4 ms and 1 MB in every server
if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType
    from typing import Any

TRANSPORTS = ("tcp", "udp")
PROTOCOLS = ("echo", "hola")


class Description:
    """What a model's source says of it.

    name: as on the command line. help: the first line of its docstring. transports: which of tcp and udp it serves.
    protocols: that it speaks. max_tcp_clients: how many clients a process of it serves at the same time over TCP, by
    its nature; None: no such limit. parallel: whether it starts as many processes as it is told, and so uses more than
    one CPU. forks: whether each client has a process of its own. own_backlog: of a model whose sockets are as its
    library makes them; None: they are as everybody's. needs: the library that it is about, if any. missing: whether
    that is not installed here. install_hint: what to do then.
    """

    __slots__ = (
        "forks",
        "help",
        "install_hint",
        "max_tcp_clients",
        "missing",
        "name",
        "needs",
        "own_backlog",
        "parallel",
        "protocols",
        "transports",
    )

    def __init__(self, name: str, values: dict[str, Any], docstring: str | None) -> None:
        self.name = name
        self.help = (docstring or "").partition("\n")[0]
        self.transports = tuple(transport for transport in TRANSPORTS if f"serve_{transport}" in values)
        self.max_tcp_clients: int | None = values.get("MAX_TCP_CLIENTS")
        self.parallel = values.get("PARALLEL") is True
        self.forks = values.get("FORKS") is True
        self.own_backlog: int | None = values.get("OWN_BACKLOG")
        self.needs: str = values.get("NEEDS") or ""
        self.missing = _is_missing(self.needs)
        self.install_hint = f"pip install {self.needs}"
        self.protocols: tuple[str, ...] = PROTOCOLS


def add_folder(folder: str) -> None:
    """Take the modules of a folder for models, too, here and in every server that is started from here."""
    import os

    if folder not in models.__path__:
        models.__path__.append(folder)
        known = [*filter(None, os.environ.get(models.FOLDERS_VARIABLE, "").split(os.pathsep)), folder]
        os.environ[models.FOLDERS_VARIABLE] = os.pathsep.join(known)


def names() -> list[str]:
    """List the models, without importing any."""
    return sorted(_files())


def describe(name: str) -> Description:
    """Read a model's source, without importing it: its library may be missing here, or need another interpreter.

    Raises LookupError: no such model, or its source does not parse.
    """
    import ast  # here, as it costs 5 ms and a server does not describe

    path = _files().get(name)
    if path is None:
        raise LookupError(_unknown(name))
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise LookupError(f"the model {name!r} does not parse: {path}:{error.lineno}: {error.msg}") from error
    values: dict[str, Any] = {}  # names of the module, with their values as far as these are plain
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef):
            values[statement.name] = None
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            values.update({alias.asname or alias.name: None for alias in statement.names})
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            value = statement.value.value if isinstance(statement.value, ast.Constant) else None
            values.update({target.id: value for target in targets if isinstance(target, ast.Name)})
    return Description(name, values, ast.get_docstring(module))


def load(name: str) -> ModuleType:
    """Import one model; what it serves are its functions ``serve_tcp`` and ``serve_udp``.

    Raises LookupError: no such model, or a library that it needs is missing.
    """
    if name.startswith("_"):  # as in _files
        raise LookupError(_unknown(name))
    full_name = f"servers.models.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if full_name.startswith(missing):
            raise LookupError(_unknown(name)) from None
        raise LookupError(f"the model {name!r} needs {missing}; try: pip install {missing}") from error


def _is_missing(needs: str) -> bool:
    import importlib.util

    return bool(needs) and importlib.util.find_spec(needs) is None


def _files() -> dict[str, Path]:
    from pathlib import Path  # here, as a server has no use for it

    files = (file for folder in models.__path__ for file in Path(folder).glob("*.py"))
    return {file.stem: file for file in files if not file.stem.startswith("_")}


def _unknown(name: str) -> str:
    return f"no server model {name!r}; there are: {', '.join(names())}"

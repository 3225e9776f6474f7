"""Find, describe and load models.

Every module in ``servers.models`` is a model; there is no other list of them.
"""

from __future__ import annotations

import importlib

from servers import models

TYPE_CHECKING = False  # importing typing would cost every server 4 ms and 1 MB
if TYPE_CHECKING:
    import ast
    from pathlib import Path
    from types import ModuleType
    from typing import Any

TRANSPORTS = ("tcp", "udp")
REPLYING_PROTOCOLS = ("echo", "hola")  # answered at once, by serve_tcp and serve_udp
PROTOCOLS = (*REPLYING_PROTOCOLS, "work")  # in work a request waits and computes first: serve_work_tcp, serve_work_udp
DEFAULT_EXECUTOR = "default executor"  # a number of waits: that of the threads in asyncio's default executor
REPRESENTS = "Represents: "  # starts the line of a model's docstring on whose server it is
REPRESENTED = ("as the documentation teaches", "the standard library's defaults")
REPRESENTED_WITH_DETAIL = {"tuned: ": "HOW", "a common mistake: ": "WHICH"}


class Description:
    """Properties of a model, read from its source.

    - name: as on the command line.
    - help: first line of its docstring.
    - represents: what a user would have to write to get it: see ``REPRESENTED``; "" if its docstring has no such line.
    - transports: the ones that it serves.
    - protocols: the ones that it serves.
    - max_waits: by transport, requests of ``work`` that can wait at a time in one process; None means no limit.
    - max_tcp_clients: number of TCP clients that one process can serve at a time; None means no limit.
    - parallel: whether it starts as many processes as requested, and so uses more than one CPU.
    - forks: whether it starts a process for each client.
    - own_backlog: the backlog of its library, if its sockets are as this library creates them; otherwise None.
    - needs: the library that it is about, or "".
    - missing: whether it cannot run here, because ``needs`` is not installed or because it is broken.
    - install_hint: what to do in this case.
    - broken: why its source is unusable, as "FILE:LINE: reason", or "".
    """

    __slots__ = (
        "broken",
        "forks",
        "help",
        "install_hint",
        "max_tcp_clients",
        "max_waits",
        "missing",
        "name",
        "needs",
        "own_backlog",
        "parallel",
        "protocols",
        "represents",
        "transports",
    )

    def __init__(self, name: str, values: dict[str, Any], docstring: str | None, broken: str = "") -> None:
        self.name = name
        self.broken = broken
        self.help = (docstring or "").partition("\n")[0]
        self.represents = _represented(docstring)
        replying = {transport for transport in TRANSPORTS if broken or f"serve_{transport}" in values}
        working = {transport for transport in TRANSPORTS if broken or f"serve_work_{transport}" in values}
        self.transports = tuple(transport for transport in TRANSPORTS if transport in replying | working)
        self.max_tcp_clients: int | None = values.get("MAX_TCP_CLIENTS")
        self.parallel = values.get("PARALLEL") is True
        self.forks = values.get("FORKS") is True
        self.own_backlog: int | None = values.get("OWN_BACKLOG")
        self.needs: str = values.get("NEEDS") or ""
        self.missing = bool(broken) or _is_missing(self.needs)
        self.install_hint = f"fix {broken}" if broken else f"pip install {self.needs}"
        self.protocols: tuple[str, ...] = REPLYING_PROTOCOLS if replying else ()
        if working and working >= replying:  # a plan asks for any of the protocols over any of the transports
            self.protocols += ("work",)
        self.max_waits = {transport: _max_waits(values, transport) for transport in self.transports}

    @property
    def unavailable_reason(self) -> str:
        """Return why the model cannot run here, or "" if it can.

        The text continues a sentence that starts with the model's name.
        """
        if self.broken:
            return f"is broken: {self.broken}"
        if self.missing:
            return f"needs {self.needs}, which is not installed: {self.install_hint}"
        return ""


def add_folder(folder: str) -> None:
    """Add a folder of models, here and in every server that this process starts."""
    import os

    if folder not in models.__path__:
        models.__path__.append(folder)
        folders = [*filter(None, os.environ.get(models.FOLDERS_VARIABLE, "").split(os.pathsep)), folder]
        os.environ[models.FOLDERS_VARIABLE] = os.pathsep.join(folders)


def names() -> list[str]:
    """List the names of all models without importing any."""
    return sorted(_files())


def describe(name: str) -> Description:
    """Describe a model from its source.

    The model is not imported, as it may need a library or an interpreter that is not available here.

    A source that cannot be read or parsed makes a description with ``broken``. Raises LookupError for an unknown name.
    """
    import ast  # takes 5 ms, and a server describes no models

    path = _files().get(name)
    if path is None:
        raise LookupError(_unknown(name))
    try:
        module = ast.parse(path.read_bytes())
    except OSError as error:
        return Description(name, {}, None, broken=f"{path}: {error.strerror}")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # what the parser raises
        return Description(name, {}, None, broken=_syntax_error(error, str(path)))
    values: dict[str, Any] = {}
    for statement in module.body:
        values.update(_bindings(statement))
        for constant, value in _assignments(statement).items():
            fault = _constant_fault(constant, value)
            if fault:
                return Description(name, {}, None, broken=f"{path}:{statement.lineno}: {constant} {fault}")
    docstring = ast.get_docstring(module)
    represented = _represented(docstring)
    if represented and not _is_represented(represented):
        forms = [*REPRESENTED, *(f"{start}{detail}" for start, detail in REPRESENTED_WITH_DETAIL.items())]
        fault = f"{REPRESENTS}{represented} must be one of: {'; '.join(forms)}"
        return Description(name, values, docstring, broken=f"{path}: {fault}")
    return Description(name, values, docstring)


def load(name: str) -> ModuleType:
    """Import one model, whose functions ``serve_tcp`` and ``serve_udp`` serve clients.

    Raises LookupError if there is no such model, if a library is missing, or if the import fails for another reason.
    The message is one line.
    """
    if name.startswith("_"):  # as in _files
        raise LookupError(_unknown(name))
    full_name = f"servers.models.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        library = error.name or ""
        if f"{full_name}.".startswith(f"{library}."):
            raise LookupError(_unknown(name)) from None
        if library and not library.startswith("servers."):
            hint = f"the model {name!r} needs {library}, which is not installed: pip install {library}"
            raise LookupError(hint) from error
        raise LookupError(f"the model {name!r} is broken: {_import_error(error, full_name)}") from error
    except Exception as error:  # a model may raise anything while it is imported
        raise LookupError(f"the model {name!r} is broken: {_import_error(error, full_name)}") from error


def skeleton(name: str) -> str:
    """Return the source of a new model, to be saved as NAME.py in a folder of models.

    Raises ValueError if the name is not usable or already taken.
    """
    from pathlib import Path

    if not name.isidentifier() or name.startswith("_"):
        raise ValueError(f"{name!r} is not a valid model name: use letters, digits and _, e.g. my_model")
    if name in _files():
        raise ValueError(f"a model {name!r} already exists: {_files()[name]}")
    return Path(__file__).with_name("model_template.py").read_text(encoding="utf-8").replace("model_template", name)


def _represented(docstring: str | None) -> str:
    """Return what the model represents according to its docstring, or ""."""
    lines = (docstring or "").splitlines()
    return next((line[len(REPRESENTS) :].strip() for line in lines if line.startswith(REPRESENTS)), "")


def _is_represented(text: str) -> bool:
    with_detail = any(text.startswith(start) and len(text) > len(start) for start in REPRESENTED_WITH_DETAIL)
    return text in REPRESENTED or with_detail


def _max_waits(values: dict[str, Any], transport: str) -> int | None:
    """Return how many requests can wait at a time. Over TCP, each client has one that waits."""
    waits = values.get(f"MAX_{transport.upper()}_WAITS")
    if waits is None and transport == "tcp":
        waits = values.get("MAX_TCP_CLIENTS")
    if waits == DEFAULT_EXECUTOR:
        return default_executor_threads()
    limit: int | None = waits
    return limit


def default_executor_threads() -> int:
    """Return how many threads asyncio's default executor has on this machine. From 3.13 on, the affinity counts."""
    import os

    cpus = getattr(os, "process_cpu_count", os.cpu_count)()
    return min(32, (cpus or 1) + 4)


def _bindings(statement: ast.stmt) -> dict[str, Any]:
    """Return the names that a top-level statement binds, with their literal values."""
    import ast

    if isinstance(statement, ast.FunctionDef):
        return {statement.name: None}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name: None for alias in statement.names}
    return _assignments(statement)


def _assignments(statement: ast.stmt) -> dict[str, Any]:
    """Return the names that a statement assigns, with their values.

    The value is ``...`` if it is not a literal.
    """
    import ast

    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return {}
    literal = value.value if isinstance(value, ast.Constant) else ...
    return {target.id: literal for target in targets if isinstance(target, ast.Name)}


def _constant_fault(name: str, value: object) -> str:
    """Return what is wrong with the value of a constant of the model, or ""."""
    if name in ("MAX_TCP_WAITS", "MAX_UDP_WAITS") and value == DEFAULT_EXECUTOR:
        return ""
    if name in ("MAX_TCP_CLIENTS", "MAX_TCP_WAITS", "MAX_UDP_WAITS", "OWN_BACKLOG"):
        is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return "" if is_count or value is None else "must be a whole number above 0, written as a literal"
    if name in ("PARALLEL", "FORKS", "REUSEPORT"):
        return "" if isinstance(value, bool) else "must be True or False"
    if name == "NEEDS":
        return "" if isinstance(value, str) else "must be the name of a library, written as a literal"
    return ""


def _syntax_error(error: BaseException, path: str) -> str:
    """Return the place and the reason of an error of the parser, in one line."""
    line = getattr(error, "lineno", None)
    reason = " ".join(str(getattr(error, "msg", error)).split()) or type(error).__name__
    return f"{path}:{line}: {reason}" if line else f"{path}: {reason}"


def _import_error(error: BaseException, full_name: str) -> str:
    """Return the place and the reason of an error during the import, in one line."""
    if isinstance(error, SyntaxError) and error.filename:
        return _syntax_error(error, error.filename)
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__") == full_name:
            place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}: "
        traceback = traceback.tb_next
    return f"{place}{type(error).__name__}: {' '.join(str(error).split())}"


def _is_missing(needs: str) -> bool:
    import importlib.util

    library = needs.partition(".")[0]  # find_spec would import the package of a module inside it
    try:
        return bool(library) and importlib.util.find_spec(library) is None
    except ValueError:  # a module without a spec, such as __main__
        return True


def _files() -> dict[str, Path]:
    """Return the file of each model.

    Where two folders have the same name, the first one counts, as it does in an import.
    """
    from pathlib import Path  # a server does not need it

    files: dict[str, Path] = {}
    for folder in models.__path__:
        for file in Path(folder).glob("*.py"):
            if not file.stem.startswith("_"):
                files.setdefault(file.stem, file)
    return files


def _unknown(name: str) -> str:
    return f"no server model {name!r}; available: {', '.join(names())}"

"""Run a module of this project by the path of this file: ``python .../servers/launch.py servers select --port 8000``.

``python -m servers`` puts the working folder in front of the standard library. A file ``socket.py`` or a folder
``servers`` in it would replace the real module. Python 3.11 has the option ``-P`` against that, older interpreters have
nothing. Started by its path, this file alone decides what can be imported: the interpreter's own modules, and the
packages of this project. Nothing else beside these packages is importable, because that folder may be the
``site-packages`` of another interpreter.
"""

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Optional

PACKAGES = ("bench", "clients", "servers")
_FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - importing pathlib would cost every server
_HOME = os.path.dirname(_FOLDER)  # noqa: PTH120 - as above


class ProjectFinder:
    """Finds the packages of this project beside this one."""

    @staticmethod
    def find_spec(
        name: str, path: "Optional[Sequence[str]]" = None, target: "Optional[ModuleType]" = None
    ) -> "Optional[ModuleSpec]":
        """Return where a package of this project is; None for every other module."""
        return PathFinder.find_spec(name, [_HOME], target) if path is None and name in PACKAGES else None


def main() -> int:
    """Run ``main`` of the module or package that the first argument names, with the other arguments."""
    if sys.path[0] == _FOLDER:  # not with PYTHONSAFEPATH
        del sys.path[0]
    sys.meta_path.insert(0, ProjectFinder)
    module = import_module(sys.argv.pop(1))
    if hasattr(module, "__path__"):
        module = import_module(f"{module.__name__}.__main__")
    return int(module.main())


def leave_working_folder() -> None:
    """Take the working folder, which ``python -m`` has put first, off the path; keep this project importable."""
    try:
        folder = os.getcwd()  # noqa: PTH109 - as above
    except OSError:  # it was removed
        folder = ""
    if not getattr(sys.flags, "safe_path", False) and sys.path[0] in ("", folder):
        del sys.path[0]
        sys.path.append(_HOME)


if __name__ == "__main__":
    sys.exit(main())

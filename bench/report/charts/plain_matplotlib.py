"""Imports matplotlib without the user's settings. Import this module before any other that imports matplotlib.

A notebook sets MPLBACKEND for its own kernel, and matplotlib refuses to be imported where that backend is missing. A
``matplotlibrc`` of the user, or one in the working folder, would change the look of every chart. Where the user's cache
cannot be written, matplotlib uses a temporary folder, and would print two warnings about it.
"""

import contextlib
import importlib
import logging
import os
from collections.abc import Iterator

_VARIABLES = {
    "MPLBACKEND": "agg",
    "MATPLOTLIBRC": os.devnull,  # an empty file: nothing but matplotlib's own defaults
}
_FOLDER_WITHOUT_SETTINGS = "/"  # matplotlib looks into the working folder first


@contextlib.contextmanager
def _without_settings() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _VARIABLES}
    folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
    os.environ.update(_VARIABLES)
    os.chdir(_FOLDER_WITHOUT_SETTINGS)
    try:
        yield
    finally:
        os.fchdir(folder)
        os.close(folder)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


logging.getLogger("matplotlib").setLevel(logging.ERROR)
with _without_settings():
    importlib.import_module("matplotlib")

"""A look for a folder for temporary files, before a command needs it."""

import tempfile

from clients.cli_errors import Stop


def refuse_missing_temporary_folder() -> None:
    """Raise Stop if no folder for temporary files can be written, as in a container that is read-only."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise Stop(
            "no folder for temporary files can be written, neither /tmp nor another one; mount one "
            "(docker: --tmpfs /tmp, Kubernetes: an emptyDir), or name one with TMPDIR"
        ) from error

"""``holabench new-model``: write the skeleton of a server model."""

from pathlib import Path
from typing import Annotated

import typer

from clients.cli_errors import Stop


def new_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model, e.g. my_model.")],
    directory: Annotated[
        Path, typer.Option("--directory", metavar="DIR", help="Directory in which to create the file.")
    ] = Path(),
) -> None:
    """Write NAME.py, a complete server model to start from. Existing files are not overwritten.

    Examples:

      holabench new-model my_model

      holabench new-model my_model --directory models

    Exit codes: 0 success; 2 wrong name, or the file exists.
    """
    from servers import registry

    if not directory.is_dir():
        raise Stop(f"--directory {directory}: not a directory; create it first")
    path = directory / f"{name}.py"
    try:
        source = registry.skeleton(name)
    except ValueError as error:
        raise Stop(f"NAME {error}") from error
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError as error:
        raise Stop(f"{path}: exists and is not overwritten; choose another name or --directory") from error
    except OSError as error:
        raise Stop(f"{path}: cannot be written: {error.strerror or error}", 1) from error
    typer.echo(
        f"{path}\n\n"
        "Next steps:\n"
        f"  1. Edit {path}.\n"
        "  2. Check it with the conformance suite (in a clone of the repository):\n"
        f"     HOLABENCH_MODELS={directory.resolve()} nox -s tests -- tests/conformance -k {name}\n"
        "  3. Measure it:\n"
        f"     holabench run quick --models-from {directory} --models {name},select,asyncio"
    )

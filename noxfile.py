"""Every chore is one command, nox -s NAME; nox --list names them. What stands after -- reaches the program."""

from pathlib import Path

import nox

nox.options.sessions = ["tests"]
nox.options.reuse_venv = "yes"
nox.needs_version = ">=2025.2.9"


def install(session: nox.Session, *groups: str) -> None:
    """Install the project as it stands and what the groups of pyproject.toml name."""
    # What is imported is compiled then, once, and kept beside the environment. pip would compile everything, which is
    # half of its time; and where PYTHONDONTWRITEBYTECODE is set, as in many containers, each of the hundred processes
    # of a run would compile anew what it imports.
    kept = str(Path(session.bin).parent / "pycache")
    session.env.update({"PYTHONPYCACHEPREFIX": kept, "PYTHONDONTWRITEBYTECODE": ""})
    session.install(
        "--no-compile",
        "-e",
        ".[models]",
        *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups),
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Compare the server models: run, analyse, draw. Options: nox -s bench -- --profile quick."""
    install(session)
    invalid = 3  # some figures are not to be trusted, and the report says which: no fault of the session
    session.run("holabench", "run", *(session.posargs or ["--profile", "standard"]), success_codes=[0, invalid])


@nox.session
def tests(session: nox.Session) -> None:
    """Run every check: lint, types, then unit, conformance and system tests. Options reach pytest."""
    install(session, "test", "lint", "types")
    wanted = list(session.posargs)
    if not wanted:
        session.run("ruff", "check")
        session.run("ruff", "format", "--check")
        session.run("mypy")
        # These wait more than they compute; a server shared by the tests of a module stays in one process. What is
        # about time has the machine to itself afterwards.
        alone = ["tests/system/test_idle.py", "tests/system/test_search.py"]
        system = [str(file) for file in sorted(Path("tests/system").glob("test_*.py")) if str(file) not in alone]
        # The longest modules first, so that the short ones fill what is left of the time.
        together = [*system, "tests/micro", "tests/conformance", "tests/unit"]
        session.run("pytest", "--numprocesses", "2", "--dist", "loadscope", "--no-loadscope-reorder", *together)
        wanted = ["tests/generator", *alone, "tests/selftest"]
    session.run("pytest", *wanted)


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes and untidy code (ruff)."""
    session.install("--no-compile", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of everything, tests included (mypy strict)."""
    install(session, "types")
    session.run("mypy", *session.posargs)


@nox.session(default=False)
def micro(session: nox.Session) -> None:
    """Measure what must be cheap (pytest-benchmark); --benchmark-autosave keeps the figures for a comparison."""
    install(session, "test")
    session.run("pytest", "tests/micro", "--benchmark-only", "-o", "addopts=", *session.posargs)

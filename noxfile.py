"""Development commands: ``nox --list`` shows them, ``nox -s NAME`` runs one.

Arguments after ``--`` are passed to the program that the session runs.
"""

import os
from pathlib import Path

import nox

nox.options.sessions = ["tests"]
nox.options.reuse_venv = "yes"
nox.needs_version = ">=2025.2.9"

PURE_TESTS = ["tests/unit", "tests/lint", "tests/selftest/test_oracle.py", "tests/selftest/test_behaviour.py"]

# One process more than there are CPUs: conformance tests wait for half of their time. All tests of a module run in one
# process, so that they share their servers. The longest modules start first, so that short ones fill the end.
PARALLEL = ["--numprocesses", str((os.cpu_count() or 1) + 1), "--dist", "loadscope", "--no-loadscope-reorder"]


def install(session: nox.Session, *groups: str) -> None:
    """Install the project in editable mode and groups of pyproject.toml."""
    # Python compiles what is imported, once, beside the environment. pip would compile everything, which takes half of
    # its time. Where PYTHONDONTWRITEBYTECODE is set, as in many containers, each of the hundred processes of a run
    # would compile its imports again.
    cache = str(Path(session.bin).parent / "pycache")
    session.env.update({"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""})
    session.install("--no-compile", "-e", ".[models]", *dependencies(*groups))


def dependencies(*groups: str) -> list[str]:
    """Return the requirements of groups of pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups))


@nox.session
def bench(session: nox.Session) -> None:
    """Compare the server models. Arguments: holabench run (default: standard)."""
    install(session)
    some_results_invalid = 3  # the report lists them; the session has not failed
    arguments = session.posargs or ["standard"]
    session.run("holabench", "run", *arguments, success_codes=[0, some_results_invalid])


@nox.session
def unit(session: nox.Session) -> None:
    """Run the pure tests, within a minute. Arguments: pytest."""
    install(session, "test")
    session.run("pytest", *PARALLEL, *PURE_TESTS, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run lint, types and all tests. Arguments: pytest, instead of all this."""
    install(session, "test", "lint", "types")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    run_lint(session)
    session.run("mypy")
    system = sorted(str(file) for file in Path("tests/system").glob("test_*.py"))
    others = ["tests/generator", "tests/micro", "tests/conformance", *PURE_TESTS]
    # Coverage of the commands that tests start, too (tests.support.commands). The second run prints the report.
    measured = {"COVERAGE_RCFILE": str(Path("pyproject.toml").resolve())}
    first = ["--cov", "--cov-report=", "--cov-fail-under=0", *PARALLEL]
    session.run("pytest", "-m", "not serial", *first, *system, *others, env=measured)
    # These measure time, so they run alone. Only their files are collected: importing all tests takes 17 s.
    serial = sorted(str(file) for file in Path("tests").rglob("test_*.py") if "pytest.mark.serial" in file.read_text())
    session.run("pytest", "-m", "serial", "--cov", "--cov-append", *serial)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling, phrases and sizes (ruff, codespell, tests/lint)."""
    session.install("--no-compile", *dependencies("lint"))
    run_lint(session)


def run_lint(session: nox.Session) -> None:
    """Run the linters."""
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    workflows = ["examples/github/holabench.yml", ".github/workflows/tests.yml"]
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "examples/fleet/compose.yaml")
    session.run("python", "-m", "tests.lint.phrases")
    session.run("python", "-m", "tests.lint.sizes")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of everything, including tests (mypy strict)."""
    install(session, "types")
    session.run("mypy", *session.posargs)


@nox.session
def micro(session: nox.Session) -> None:
    """Run the micro-benchmarks. Arguments: pytest, e.g. --benchmark-autosave."""
    install(session, "test")
    session.run("pytest", "tests/micro", "--benchmark-only", "-o", "addopts=", *session.posargs)

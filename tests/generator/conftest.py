import pytest

from clients.generator import compile_loops


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compile before any load: its clock must not start earlier."""
    compile_loops()

"""Settings of all tests."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.support.servers import Server, explain_failure

# Texts are English in the tests, and in the processes that they start, whatever the locale of the developer is.
if locale := os.environ.pop("LC_ALL", ""):
    os.environ["LANG"] = locale
os.environ["LC_MESSAGES"] = "C"

# No test asserts a duration, and a test that fails once must fail every time.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Report why servers of a failed test exited; the next test gets fresh ones."""
    servers = [value for value in pyfuncitem.funcargs.values() if isinstance(value, Server)]
    passed = False
    try:
        with explain_failure(*servers):
            result = yield
            for server in servers:
                assert server.process.poll() is None, "the test passed, but its server has exited"
        passed = True
        return result
    finally:
        if not passed:
            for server in servers:
                server.kill()

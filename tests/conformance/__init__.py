"""Conformance: every model, transport and protocol, as a real process.

A new file in ``servers/models/`` is tested without a change here: the cases come from the registry (``cases``). Tests
of code that models share run once for each ``family``. The tests of one file and one model share one server process,
unless a test changes or ends it. If the server exits, the failure starts with its exit code and last stderr lines.
"""

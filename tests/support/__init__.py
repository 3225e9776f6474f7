"""Helpers that the tests share.

- ``waiting``: wait for a condition, or repeat a measurement that the machine may disturb.
- ``processes``: run and inspect other processes.
- ``commands``: run this project's commands as a user does.
- ``servers``: start a server of ``servers/models`` and report why it exited.
- ``sockets``: TCP and UDP clients with a deadline.
- ``scripted_servers``: misbehaving servers in a thread of the test.
- ``synthetic``: the rows of a run, computed instead of measured.

Helpers are named ``make_*`` (return a value), ``start_*`` (context managers that also stop what they start) and
``run_*`` (return when the command has exited), so that they do not shadow names of the project. A helper that only one
test file needs stays in that file.
"""

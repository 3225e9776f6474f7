"""Every module here is a model: its file name is its name, its first docstring line its help.

A model defines ``serve_tcp(listener, new_handler)``, ``serve_udp(sock, new_handler)`` or both; neither returns.
It may define ``prepare()``: what takes a while and has to be done before the server says that it is ready.
Constants declare its nature where that matters: ``MAX_TCP_CLIENTS`` (how many TCP clients one process serves at the
same time), ``PARALLEL`` (it uses the number of workers, and more than one CPU), ``FORKS`` (each client has a process),
``REUSEPORT`` (its workers have sockets of their own on one port), ``NEEDS`` (the library that it is about),
``OWN_BACKLOG`` (its sockets are as its library makes them: this backlog, no TCP_NODELAY, the kernel's buffers).

Modules in the folders that the environment variable HOLABENCH_MODELS names are models, too.
"""

from __future__ import annotations

import os

FOLDERS_VARIABLE = "HOLABENCH_MODELS"  # in the environment, so that servers find the same
__path__ = [*__path__, *filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep))]

"""The load generator and the tutorial's client.

Import rule: this package imports numpy, scipy, numba, typer and the standard library, never ``servers`` or ``bench``.
It states the protocol a second time on purpose, so that it is an independent check of the servers.

``engine`` is the compiled hot path. ``generator`` drives it against one server; ``measurement`` is what it measured.
``cli_load`` and ``worker`` are the two programs on top, for people and for bench. Pure modules: ``load_spec``,
``histogram``, ``steady_state``, ``fairness``, ``quality_codes``, ``quality_catalogue``, ``quality_checks`` and
``result_document``.
"""

"""The load generator and the tutorial's client.

Import rule: this package imports numpy, scipy, numba, typer and the standard library, never ``servers`` or ``bench``.
It defines the protocol a second time on purpose, so that it is an independent check of the servers.

- programs: ``cli_load`` and ``worker`` (load a server for people and for bench), ``talk``; ``command_line``,
  ``cli_options``, ``cli_errors`` and ``escaping`` serve them
- before a load: ``load_spec``, ``local_ports``, ``fd_limit``, ``protocol_check``
- the load: ``generator``, on top of ``engine``, the compiled hot path; ``allocation``, ``thread_usage``,
  ``kernel_counters``
- its result, pure: ``measurement``, ``histogram``, ``steady_state``, ``fairness``, ``quality_codes``,
  ``quality_catalogue``, ``quality_checks``, ``result_document``, ``load_description``; ``export`` writes files
"""

"""The selftest: load a server of known behaviour and compare the generator's report with what must come out.

- ``oracle``: the expected results, as formulas. Pure.
- ``trial``: runs one server and one load as processes and reads what both recorded.
- ``expectations``: compares one reported value with the expected one.
- ``disturbances``: stops a process or occupies its CPU while it is under load.
- ``check``: what every check consists of; ``checks``: the checks, one module per theme.
- ``runner``: runs checks and describes their results.

Nothing here imports ``servers`` or ``clients``: both run as processes.
"""

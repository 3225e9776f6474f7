"""Run folders on disk. The only package that knows the names of their files.

A run appends its raw tables block by block. Each file is synced, and ``trials.csv`` is written last: a block with all
its rows there is finished. A run that was interrupted while it wrote leaves a torn line, a torn gzip member or a block
with too few trials; none of them is read. Derived files can be deleted and made again.

A folder is untrusted input, as it may come from elsewhere. Reading it opens its own files only and runs nothing. Links
and pipes in it are refused, its texts are made harmless for a terminal, and every cell is checked against its column.
Cells that a spreadsheet would take for a formula start with an apostrophe.
"""

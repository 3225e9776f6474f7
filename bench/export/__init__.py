"""The figures of a run in the formats of other tools. Pure: ``bench/cli/export.py`` reads the run and writes the files.

An invalid figure is never exported as a number. Every figure that is left out is listed with its reason.
"""

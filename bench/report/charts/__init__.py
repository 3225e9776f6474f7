"""The charts of a run: DataFrames in, matplotlib figures out. No file is opened and no global state is touched.

What imports what: ``questions`` says which charts a run allows and ``data`` takes out what they draw, both without
matplotlib; ``figures`` makes each of them with the kinds of chart (``lines``, ``dots``, ...); these stand on ``layout``
and ``style``.
"""
